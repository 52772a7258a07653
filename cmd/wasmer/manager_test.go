package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestDrainGoesOnServingNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := &readiness{}
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

func TestHostIPs(t *testing.T) {
	if got := hostIPs("127.0.0.1"); len(got) != 1 || got[0].String() != "127.0.0.1" {
		t.Errorf("hostIPs = %v", got)
	}
	if got := hostIPs(""); got != nil {
		t.Errorf("hostIPs of all addresses = %v", got)
	}
}
