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
	var asked int
	answers := []error{errors.New("not yet"), nil, errors.New("asked too often")}
	check := onceReady(func(*http.Request) error {
		asked++
		return answers[asked-1]
	})
	for i, want := range []error{answers[0], nil, nil, nil} {
		if err := check(nil); !errors.Is(err, want) {
			t.Errorf("answer %d: %v, want %v", i, err, want)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}

func TestHostIPs(t *testing.T) {
	if got := hostIPs("127.0.0.1"); len(got) != 1 || got[0].String() != "127.0.0.1" {
		t.Errorf("hostIPs = %v", got)
	}
	if got := hostIPs(""); got != nil {
		t.Errorf("hostIPs of all addresses = %v", got)
	}
}
