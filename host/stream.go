// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// StreamConfig is what a stream has beside its messages.
type StreamConfig struct {
	// Attributes that a filter can read, such as source.address. They precede those that the host derives from messages.
	Attributes Attributes
	// Protocol is the attribute request.protocol; HTTP/1.1 if empty.
	Protocol string
}

// Stream is a request and its response on their way through a filter. The caller takes the roles of the client and of the
// upstream: it passes in what they send, in order, and finds what passed the filter in [Stream.Request] and
// [Stream.Response]. A filter that pauses is resumed by a tick, a call-out's answer or a queue.
//
// After an error, or a local response, what the caller passes in has no effect.
type Stream struct {
	vm     *VM
	plugin *Plugin
	config StreamConfig
	scope  *scope

	request, response direction
	properties        map[string]string
	begun             time.Time
	inRequest         bool // the filter handles the request at present
	inResponse        bool
	pending           *LocalResponse
	local             *LocalResponse
	reset             *string // the details of a stream that was reset
	code              uint32  // response.code, 0 as long as there is none
	flags             int64   // response.flags
	ofGRPC, ofHEAD    bool    // the request is, or was before the filter changed it
	failed, logging   bool
	closed            bool
	routeCleared      bool
	attended          bool
	questions         []Question
}

// Stream begins a stream: proxy_on_context_create.
func (p *Plugin) Stream(ctx context.Context, config StreamConfig) (*Stream, error) {
	if p.closed || p.pendingDone {
		return nil, fmt.Errorf("begin a stream: the plugin: %w", ErrClosed)
	}
	s := &Stream{vm: p.vm, plugin: p, config: config, begun: p.vm.proxy.Now(), properties: map[string]string{}}
	s.request = direction{stream: s}
	s.response = direction{stream: s, response: true}
	s.scope = p.vm.newScope(p, s)
	if _, err := p.vm.callIfAny(ctx, s.scope, "proxy_on_context_create", uint64(s.scope.id), uint64(p.scope.id)); err != nil {
		return nil, err
	}
	return s, p.vm.Dispatch(ctx)
}

// RequestHeaders passes the request's headers in. end says that nothing follows.
func (s *Stream) RequestHeaders(ctx context.Context, headers Headers, end bool) error {
	return s.do(ctx, func() error { return s.headersCome(&s.request, headers, end) })
}

// RequestBody passes a part of the request's body in.
func (s *Stream) RequestBody(ctx context.Context, data []byte, end bool) error {
	return s.do(ctx, func() error { return s.bodyComes(&s.request, data, end) })
}

// RequestTrailers passes the request's trailers in, which end it.
func (s *Stream) RequestTrailers(ctx context.Context, trailers Headers) error {
	return s.do(ctx, func() error { return s.trailersCome(&s.request, trailers) })
}

// ResponseHeaders passes the response's headers in. end says that nothing follows.
func (s *Stream) ResponseHeaders(ctx context.Context, headers Headers, end bool) error {
	return s.do(ctx, func() error { return s.headersCome(&s.response, headers, end) })
}

// ResponseBody passes a part of the response's body in.
func (s *Stream) ResponseBody(ctx context.Context, data []byte, end bool) error {
	return s.do(ctx, func() error { return s.bodyComes(&s.response, data, end) })
}

// ResponseTrailers passes the response's trailers in, which end it.
func (s *Stream) ResponseTrailers(ctx context.Context, trailers Headers) error {
	return s.do(ctx, func() error { return s.trailersCome(&s.response, trailers) })
}

// Request returns the request as far as it passed the filter towards the upstream.
func (s *Stream) Request() *Message { return &s.request.out }

// Response returns the response as far as it passed the filter towards the client.
func (s *Stream) Response() *Message { return &s.response.out }

// Local returns the response that was given in the place of the upstream's, nil if there is none.
func (s *Stream) Local() *LocalResponse { return s.local }

// Reset reports whether the stream was reset, and returns the details that there are, such as [DetailsClosed].
func (s *Stream) Reset() (details string, reset bool) {
	if s.reset == nil {
		return "", false
	}
	return *s.reset, true
}

// Paused reports whether the filter holds back what came of the request, and of the response.
func (s *Stream) Paused() (request, response bool) {
	paused := func(d *direction) bool { return d.hasHeaders && !d.aborted && d.state != iterating }
	return paused(&s.request), paused(&s.response)
}

// RouteCacheCleared reports whether the filter had Envoy choose the route again: it asked for that, or changed headers of the
// request.
func (s *Stream) RouteCacheCleared() bool { return s.routeCleared }

// Attended reports whether the filter called the proxy in any callback of the stream. Otherwise it did no more than to let
// messages pass, or hold them.
func (s *Stream) Attended() bool { return s.attended }

// ID returns the id by which the filter knows the stream.
func (s *Stream) ID() uint32 { return s.scope.id }

// Close ends the stream: proxy_on_log, proxy_on_done and proxy_on_delete.
func (s *Stream) Close(ctx context.Context) error {
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.plugin.ended()
	if err == nil {
		err = s.finish(ctx)
	}
	s.request.aborted, s.response.aborted = true, true
	delete(s.vm.scopes, s.scope.id)
	return errors.Join(err, s.vm.Dispatch(ctx))
}

// finish calls what a filter is called with at the end of a stream.
func (s *Stream) finish(ctx context.Context) error {
	s.logging = true
	id := uint64(s.scope.id)
	_, err := s.vm.callIfAny(ctx, s.scope, "proxy_on_log", id)
	s.logging = false
	for _, callback := range []string{"proxy_on_done", "proxy_on_delete"} {
		if err == nil {
			_, err = s.vm.callIfAny(ctx, s.scope, callback, id)
		}
	}
	return err
}

func (s *Stream) ended() error {
	if s.closed {
		return ErrClosed
	}
	return s.plugin.ended()
}

// do runs a step of the stream and what follows from it. A trap ends the stream with 503, as Envoy does.
func (s *Stream) do(ctx context.Context, step func() error) error {
	if err := s.ended(); err != nil {
		return fmt.Errorf("pass a message to a stream: %w", err)
	}
	s.vm.caller = ctx
	err := step()
	if err != nil {
		s.fail()
		return err
	}
	return s.vm.Dispatch(ctx)
}
