// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/internal/hostproxy"
)

// pauseTimeout is how long a filter in the host of wasmc may hold a message back.
const pauseTimeout = 15 * time.Second

// inHost is a filter in wasmc itself.
type inHost struct {
	*served
	options hostproxy.Options
	filter  atomic.Pointer[hostproxy.Filter]
}

func (h *inHost) Address() string { return h.address }

func (h *inHost) Done() <-chan struct{} { return h.done }

func (h *inHost) Err() error { return fmt.Errorf("the server of wasmc ended: %w", h.err) }

func (h *inHost) Load(ctx context.Context, wasm, config []byte) (failure string, err error) {
	options := h.options
	options.Wasm, options.Configuration = wasm, config
	filter, err := hostproxy.New(ctx, options)
	if err != nil {
		return "", err
	}
	if err := filter.Failure(); err != nil {
		failure = err.Error()
		if !h.filter.CompareAndSwap(nil, filter) {
			filter.Close() // the last one goes on, as in Envoy
		}
		return failure, nil
	}
	if last := h.filter.Swap(filter); last != nil {
		last.Close()
	}
	return "", nil
}

// Close ends the server, then the filter.
func (h *inHost) Close() {
	if h.served != nil {
		h.served.Close()
	}
	if filter := h.filter.Load(); filter != nil {
		filter.Close()
	}
}

func (o *runOptions) startHost(ctx context.Context, p *printer, wasm, config []byte) (r runner, failure string, err error) {
	h := &inHost{options: hostproxy.Options{
		RootID: o.rootID, Env: envPairs(o.env), LogLevel: logLevelOf(o.logLevel), PauseTimeout: pauseTimeout,
		Log:  func(line host.Line) { p.log(line.Level.String(), line.Message) },
		Next: o.upstreamHandler(p),
	}}
	if failure, err = h.Load(ctx, wasm, config); err != nil {
		return nil, "", err
	}
	listener, err := listen(o.port)
	if err != nil {
		h.Close()
		return nil, "", err
	}
	h.served = serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.filter.Load().ServeHTTP(w, r)
	}))
	return h, failure, nil
}

// logLevelOf is the level of a name.
func logLevelOf(name string) host.LogLevel {
	for level := host.LevelTrace; level <= host.LevelCritical; level++ {
		if level.String() == name {
			return level
		}
	}
	return host.LevelInfo
}
