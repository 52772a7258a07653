// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

func TestDrainGoesOnServingNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := &readiness{draining: &atomic.Bool{}}
		ctx, terminate := context.WithCancel(t.Context())
		serving, stop := ready.drain(ctx, 10*time.Second)
		defer stop()
		request := httptest.NewRequest("GET", "/readyz", nil)
		if err := ready.serving(request); err != nil {
			t.Errorf("not ready before the signal: %v", err)
		}
		terminate()
		time.Sleep(9 * time.Second)
		if err := ready.serving(request); err == nil {
			t.Error("ready after the signal")
		}
		if serving.Err() != nil {
			t.Error("stopped before the delay was over")
		}
		time.Sleep(2 * time.Second)
		if serving.Err() == nil {
			t.Error("still serving after the delay")
		}
	})
}

func TestOnceReady(t *testing.T) {
	var calls int
	results := []error{errors.New("not yet"), nil, errors.New("called too often")}
	check := onceReady(func(*http.Request) error {
		calls++
		return results[calls-1]
	})
	for i, want := range []error{results[0], nil, nil, nil} {
		if err := check(nil); !errors.Is(err, want) {
			t.Errorf("result %d: %v, want %v", i, err, want)
		}
	}
	if calls != 2 {
		t.Errorf("called %d times, want 2", calls)
	}
}

// registered is a webhook server that only remembers the handler.
type registered struct {
	ctrlwebhook.Server
	handler http.Handler
}

func (r *registered) Register(_ string, handler http.Handler) { r.handler = handler }

func TestConnectionsEndWhileDraining(t *testing.T) {
	server, draining := &registered{}, &atomic.Bool{}
	drainingServer{server, draining}.Register("/x", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	}))
	for _, ends := range []bool{false, true} {
		draining.Store(ends)
		answer := httptest.NewRecorder()
		server.handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/x", nil))
		if got := answer.Header().Get("Connection") == "close"; got != ends {
			t.Errorf("draining %v: the answer closes the connection: %v", ends, got)
		}
		if answer.Code != http.StatusOK {
			t.Errorf("draining %v: code %d", ends, answer.Code)
		}
	}
}
