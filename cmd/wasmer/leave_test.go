package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// registered is a webhook server that only remembers the handler.
type registered struct {
	ctrlwebhook.Server
	handler http.Handler
}

func (r *registered) Register(_ string, handler http.Handler) { r.handler = handler }

func TestConnectionsEndWhileDraining(t *testing.T) {
	server, draining := &registered{}, &atomic.Bool{}
	leavingServer{server, draining}.Register("/x", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	}))
	for _, leaving := range []bool{false, true} {
		draining.Store(leaving)
		answer := httptest.NewRecorder()
		server.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/x", nil))
		if got := answer.Header().Get("Connection") == "close"; got != leaving {
			t.Errorf("draining %v: the answer closes the connection: %v", leaving, got)
		}
		if answer.Code != http.StatusOK {
			t.Errorf("draining %v: code %d", leaving, answer.Code)
		}
	}
}
