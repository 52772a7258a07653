// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
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
	retired sync.WaitGroup // versions that have been replaced and still have requests

	mu      sync.Mutex
	version *hosted // the present one
}

// hosted is a version of the filter with its requests.
type hosted struct {
	*hostproxy.Filter
	requests sync.WaitGroup
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
	}
	h.mu.Lock()
	last := h.version
	if failure != "" && last != nil {
		h.mu.Unlock()
		filter.Close() // the last one goes on, as in Envoy
		return failure, nil
	}
	h.version = &hosted{Filter: filter}
	h.mu.Unlock()
	if last != nil {
		h.retired.Go(func() {
			last.requests.Wait()
			last.Close()
		})
	}
	return failure, nil
}

// ServeHTTP has the present version handle a request to its end.
func (h *inHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	version := h.version
	version.requests.Add(1)
	h.mu.Unlock()
	defer version.requests.Done()
	version.ServeHTTP(w, r)
}

// Close ends the server, then the filter.
func (h *inHost) Close() {
	if h.served != nil {
		h.served.Close()
	}
	if h.version != nil {
		h.version.Close()
	}
	h.retired.Wait()
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
	h.served = serve(listener, h)
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
