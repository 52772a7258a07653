// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
)

func TestReportsChangesOnly(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.expectUnknown(t, inCluster())
		synctest.Wait()
		r.expectUnknown(t, inCluster()) // one scrape is not enough
		pass(confirmAfter)
		r.expectKnown(t, inCluster(), oneRuns, "test")
		pass(time.Hour)
		r.expectKnown(t, inCluster(), oneRuns)
		r.answer("10.0.0.1", withoutFilter)
		pass(time.Minute)
		r.expectKnown(t, inCluster(), noneRuns+"has no HTTP listener that the filter's ports and context match", "test")
	})
}

const openThePort = "; let wasmer reach port 15090 of these Pods, or run it with --proxy-check-interval=0 to do without"

func TestAnUnreachableProxy(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", unreachable(errUnreachable))
		r.put(inCluster())
		synctest.Wait()
		r.expectKnown(t, inCluster(), noneRuns+"cannot be asked: no answer", "test")
		if f := r.known().snapshot.Failure(false); f == nil || f.Reason != v1alpha1.ReasonProxiesLoading {
			t.Errorf("at first: %v", f)
		}
		pass(time.Minute)
		r.expectKnown(t, inCluster(), noneRuns+"cannot be asked: no answer"+openThePort, "test")
		if f := r.known().snapshot.Failure(false); f == nil || f.Reason != v1alpha1.ReasonProxiesUncertain || !strings.Contains(f.Error(), "port 15090") {
			t.Errorf("after a minute: %v", f)
		}
		pass(compileTime) // it may still do that
		r.scraped()
		pass(time.Hour)
		if n := len(r.scraped()); n > 120 {
			t.Errorf("it is scraped %d times an hour", n)
		}
	})
}

func TestAConfirmedProxyThatIsUnreachableRuns(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.put(inCluster())
		pass(time.Minute)
		r.changes()
		r.answer("10.0.0.1", unreachable(errUnreachable))
		pass(time.Hour)
		r.expectKnown(t, inCluster(), oneRuns)
		r.answer("10.0.0.1", doesNotStart(plugin1)) // which it cannot be: another filter is it
		pass(time.Hour)
		r.expectKnown(t, inCluster(), oneRuns)
		r.remove("a")
		r.run("a", "10.0.0.1", unreachable(errUnreachable))
		pass(time.Hour)
		r.changes() // once or twice: it may be scraped while it starts
		r.expectKnown(t, inCluster(), noneRuns+"cannot be asked: no answer"+openThePort)
	})
}

// One scrape that showed it is not enough.
func TestAProxyIsNotConfirmedByOneScrape(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.put(inCluster())
		pass(time.Second)
		r.answer("10.0.0.1", gaveUp(plugin1))
		pass(time.Minute)
		if f := r.known().snapshot.Failure(false); f == nil || f.Reason != v1alpha1.ReasonProxyLoadFailed {
			t.Errorf("failure %v", f)
		}
	})
}

// Our own port differs each time that a connection fails, which is no change.
func TestAnErrorWithAPortIsNoChange(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		reset := func(port int) answer {
			return unreachable(fmt.Errorf("ask the proxy at 10.0.0.1:15090: %w", &net.OpError{
				Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: port},
				Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 15090}, Err: errors.New("connection reset by peer"),
			}))
		}
		r.run("a", "10.0.0.1", reset(1))
		r.put(inCluster())
		pass(time.Minute)
		r.changes()
		for port := range 10 {
			r.answer("10.0.0.1", reset(port))
			pass(time.Minute)
		}
		r.expectKnown(t, inCluster(), noneRuns+"cannot be asked: read tcp 10.0.0.1:15090: connection reset by peer"+openThePort)
	})
}

// Proxies that request the module all the time are reported from time to time.
func TestLastRequestIsReportedInSteps(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		requested := func(c *cluster) { c.accesses = map[string]peer.Access{"10.0.0.1": {RequestedAt: time.Now()}} }
		r.edit(requested)
		r.put(inCluster())
		synctest.Wait()
		r.changes()
		for range 60 * 60 {
			pass(time.Second)
			r.edit(requested)
		}
		if n := len(r.changes()); n < 30 || n > 60 {
			t.Errorf("%d changes in an hour", n)
		}
		snapshot, _ := r.Snapshot(t.Context(), inCluster().aw, inCluster().ef)
		if behind := time.Since(snapshot.LastRequest); behind > 2*time.Minute {
			t.Errorf("the last request is reported as of %s ago", behind)
		}
	})
}

func TestNoProxySelected(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		if got := r.put(inCluster()); got != "no running proxy is selected" {
			t.Errorf("at once: %q", got)
		}
		synctest.Wait()
		r.expectKnown(t, inCluster(), "no running proxy is selected", "test")
		pass(time.Hour)
		r.expectKnown(t, inCluster(), "no running proxy is selected")
		r.run("a", "10.0.0.1", runs(plugin1))
		pass(40 * time.Second)
		r.expectKnown(t, inCluster(), oneRuns, "test")
	})
}

func TestACacheThatCannotBeRead(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.edit(func(c *cluster) { c.listErr = errors.New("not synced") })
		r.expectUnknown(t, inCluster())
		pass(time.Minute)
		r.expectUnknown(t, inCluster())
		r.edit(func(c *cluster) { c.listErr = nil })
		pass(lastScrape)
		r.expectKnown(t, inCluster(), oneRuns, "test")
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
			inMesh(t, func(t *testing.T, r *running) {
				r.run("a", "10.0.0.1", gaveUp(plugin1))
				pass(2 * time.Hour)
				a := inCluster(written(time.Now().Add(tt.since)), notRunning)
				r.put(a)
				synctest.Wait()
				r.expectKnown(t, a, tt.want, "test")
			})
		})
	}
}

// Until Envoy has its first configuration it refuses connections: a Pod that is not ready so is one that waits for its
// module, an outage where no other proxy runs it.
func TestAProxyThatCannotStart(t *testing.T) {
	refused := unreachable(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})
	inMesh(t, func(t *testing.T, r *running) {
		r.run("old", "10.0.0.1", runs(plugin1))
		now := inCluster()
		r.put(now)
		pass(time.Minute)
		r.expectKnown(t, now, oneRuns, "test")
		r.remove("old")
		r.run("new", "10.0.0.2", refused)
		pass(20 * time.Second)
		for _, wasReady := range []bool{false, true} {
			if f := r.known().snapshot.Failure(wasReady); f == nil || f.Reason != v1alpha1.ReasonProxiesLoading {
				t.Errorf("while it may start, wasReady %v: %v", wasReady, f)
			}
		}
		pass(time.Minute)
		f := r.known().snapshot.Failure(true)
		if f == nil || f.Reason != v1alpha1.ReasonProxyLoadFailed || f.Terminal || !strings.Contains(f.Error(), "the proxy of Pod shop/new is not ready and refuses connections") {
			t.Errorf("when it should have started: %v", f)
		}
		r.edit(func(c *cluster) { // its port is closed
			for i := range c.pods[0].Status.ContainerStatuses {
				c.pods[0].Status.ContainerStatuses[i].Ready = true
			}
		})
		pass(time.Minute)
		if f := r.known().snapshot.Failure(true); f == nil || f.Reason != v1alpha1.ReasonProxiesUncertain {
			t.Errorf("when it is ready: %v", f)
		}
	})
}
