// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/autowasm/autowasm/certs"
	"github.com/autowasm/autowasm/internal/sleep"
)

// readiness is what /readyz checks.
type readiness struct {
	cache    cache.Cache
	modules  func() error
	draining *atomic.Bool
}

// syncCheckTimeout bounds the check of the caches: they are synced already, or not yet.
const syncCheckTimeout = 500 * time.Millisecond

// addChecks makes /readyz fail until the caches are synced, both servers listen and the webhook's certificate is
// trusted, and again once wasmer shuts down. A kind that comes later makes no replica unready: it is not read before it
// is cached.
func (r *readiness) addChecks(h *health, webhook ctrlwebhook.Server, certificate certs.Source) {
	h.add("caches", onceReady(r.synced))
	h.add("modules", func(*http.Request) error { return r.modules() })
	h.add("not-draining", r.serving)
	if certificate != nil {
		h.add("webhook", onceReady(webhook.StartedChecker()))
		h.add("certificate", func(*http.Request) error { return certificate.Healthy() })
	}
	h.add(prerequisitesCheck, healthz.Ping) // last, since it keeps wasmer from being ready without the others
}

// onceReady calls check until it succeeds, and then no more: a server that listens goes on to, or wasmer ends. That
// check connects, which a server that requires a client certificate logs as an error.
func onceReady(check healthz.Checker) healthz.Checker {
	var passed atomic.Bool
	return func(request *http.Request) error {
		if passed.Load() {
			return nil
		}
		err := check(request)
		passed.Store(err == nil)
		return err
	}
}

func (r *readiness) synced(request *http.Request) error {
	ctx, cancel := context.WithTimeout(request.Context(), syncCheckTimeout)
	defer cancel()
	if !r.cache.WaitForCacheSync(ctx) {
		return errors.New("the caches are not synced yet")
	}
	return nil
}

func (r *readiness) serving(*http.Request) error {
	if r.draining.Load() {
		return errors.New("shutting down")
	}
	return nil
}

// drain returns a context that ends delay after ctx: wasmer serves, not ready, until its endpoints are withdrawn.
func (r *readiness) drain(ctx context.Context, delay time.Duration) (context.Context, context.CancelFunc) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(ctx, func() {
		r.draining.Store(true)
		if sleep.For(serving, delay) == nil {
			stop()
		}
	})
	return serving, func() { detach(); stop() }
}

// drainingServer is a webhook server that, while wasmer drains, closes each connection with the response to its next
// request. An API server keeps connections for long, also to an endpoint that is gone. http.Server just closes those
// that are left when it shuts down, and a request in flight on one fails: a POST is not retried.
type drainingServer struct {
	ctrlwebhook.Server
	draining *atomic.Bool
}

// Register serves hook at path.
func (s drainingServer) Register(path string, hook http.Handler) {
	s.Server.Register(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		hook.ServeHTTP(w, r)
	}))
}
