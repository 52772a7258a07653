package controller

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
)

func TestASilentProxy(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", silent(errSilent))
		w.sees(target1)
		synctest.Wait()
		w.expectSeen(t, target1, noneRuns+"cannot be asked: no answer", "test")
		if f := w.watches[testKey].view.failure(false); f == nil || f.Reason != v1alpha1.ReasonProxiesLoading {
			t.Errorf("at first: %v", f)
		}
		pass(time.Minute)
		w.expectSeen(t, target1, noneRuns+"cannot be asked: no answer", "test")
		if f := w.watches[testKey].view.failure(false); f != nil {
			t.Errorf("after a minute: %v", f)
		}
		w.asks()
		pass(time.Hour)
		if n := len(w.asks()); n > 120 {
			t.Errorf("it is asked %d times an hour", n)
		}
	})
}

func TestAConfirmedProxyThatFallsSilentRuns(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1))
		w.sees(target1)
		pass(time.Minute)
		w.wakes()
		w.says("10.0.0.1", silent(errSilent))
		pass(time.Hour)
		w.expectSeen(t, target1, oneRuns)
		w.says("10.0.0.1", doesNotStart(plugin1)) // which it cannot be: another filter is it
		pass(time.Hour)
		w.expectSeen(t, target1, oneRuns)
		w.remove("a")
		w.run("a", "10.0.0.1", silent(errSilent))
		pass(time.Hour)
		w.wakes() // once or twice: it may be looked at while it starts
		w.expectSeen(t, target1, noneRuns+"cannot be asked: no answer")
	})
}

// One look that showed it is not enough.
func TestAProxyIsNotConfirmedByOneLook(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1))
		w.sees(target1)
		pass(time.Second)
		w.says("10.0.0.1", gaveUp(plugin1))
		pass(time.Minute)
		if f := w.watches[testKey].view.failure(false); f == nil || f.Reason != v1alpha1.ReasonProxyLoadFailed {
			t.Errorf("failure %v", f)
		}
	})
}

// Our own port differs each time that a connection fails, which is no news.
func TestAnErrorWithAPortIsNoNews(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		reset := func(port int) answer {
			return silent(fmt.Errorf("ask the proxy at 10.0.0.1:15090: %w", &net.OpError{
				Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: port},
				Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 15090}, Err: errors.New("connection reset by peer"),
			}))
		}
		w.run("a", "10.0.0.1", reset(1))
		w.sees(target1)
		pass(time.Minute)
		w.wakes()
		for port := range 10 {
			w.says("10.0.0.1", reset(port))
			pass(time.Minute)
		}
		w.expectSeen(t, target1, noneRuns+"cannot be asked: read tcp 10.0.0.1:15090: connection reset by peer")
	})
}

// Proxies that ask for the module all the time are told of from time to time.
func TestLastRequestIsToldInSteps(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1))
		seen := func(m *fakeMesh) { m.sightings = map[string]peer.Access{"10.0.0.1": {RequestedAt: time.Now()}} }
		w.set(seen)
		w.sees(target1)
		synctest.Wait()
		w.wakes()
		for range 60 * 60 {
			pass(time.Second)
			w.set(seen)
		}
		if n := len(w.wakes()); n < 30 || n > 60 {
			t.Errorf("woken %d times in an hour", n)
		}
		view, _ := w.watch(t.Context(), target1)
		if behind := time.Since(view.lastRequest); behind > 2*time.Minute {
			t.Errorf("the last request is told as of %s ago", behind)
		}
	})
}

func TestNoProxySelected(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		if got := w.sees(target1); got != "no running proxy is selected" {
			t.Errorf("at once: %q", got)
		}
		synctest.Wait()
		w.expectSeen(t, target1, "no running proxy is selected", "test")
		pass(time.Hour)
		w.expectSeen(t, target1, "no running proxy is selected")
		w.run("a", "10.0.0.1", runs(plugin1))
		pass(40 * time.Second)
		w.expectSeen(t, target1, oneRuns, "test")
	})
}

func TestACacheThatCannotBeRead(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1))
		w.set(func(m *fakeMesh) { m.listErr = errors.New("not synced") })
		w.expectUnseen(t, target1)
		pass(time.Minute)
		w.expectUnseen(t, target1)
		w.set(func(m *fakeMesh) { m.listErr = nil })
		pass(lastAsk)
		w.expectSeen(t, target1, oneRuns, "test")
	})
}

// What a former process has waited for need not be waited for again.
func TestATargetOfBefore(t *testing.T) {
	for name, tt := range map[string]struct {
		since time.Duration
		want  string
	}{
		"written an hour ago":                             {-time.Hour, noneRuns + "gave up loading the module; since it started, 1 load of modules failed"},
		"written just now":                                {0, noneRuns + "has just taken the filter"},
		"written later, by the API server's clock":        {time.Hour, noneRuns + "has just taken the filter"},
		"written a moment ago, no proxy can be new to it": {-settleTime, noneRuns + "gave up loading the module; since it started, 1 load of modules failed"},
	} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, w *watched) {
				w.run("a", "10.0.0.1", gaveUp(plugin1))
				pass(2 * time.Hour)
				target := selecting(running1, func(target *proxyTarget) { target.since = time.Now().Add(tt.since) })
				w.sees(target)
				synctest.Wait()
				w.expectSeen(t, target, tt.want, "test")
			})
		})
	}
}
