package main

import (
	"net/http"
	"sync/atomic"

	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// leavingServer is a webhook server that, while wasmer drains, ends each connection
// with the answer to its next request. An API server keeps connections for long,
// whatever has become of the endpoint. Those that are left when http.Server shuts
// down are closed without a word, and a request that is on its way on one of them
// fails: it is a POST, which is not tried again.
type leavingServer struct {
	ctrlwebhook.Server
	draining *atomic.Bool
}

// Register serves hook at path.
func (s leavingServer) Register(path string, hook http.Handler) {
	s.Server.Register(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		hook.ServeHTTP(w, r)
	}))
}
