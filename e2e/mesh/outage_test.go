// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

// An outage of ten minutes, and the longest wait between two retries, both at a twentieth of their length.
const (
	pace        = 20
	outage      = 10 * time.Minute / pace
	longestWait = 30 * time.Second / pace
)

// lateness is how much later than it wants a proxy may ask, on a busy machine. A proxy that doubled its waits without a
// bound would be later, and ask less often than heal requires.
const lateness = 10 * time.Second

// TestOutageOfTenMinutes runs at a twentieth of the time. A proxy that starts while the module cannot be had asks for it
// again and again. It neither gives up nor waits longer than the longest wait, so that it heals by itself within that
// time, and what it takes to load a module, after any outage.
func TestOutageOfTenMinutes(t *testing.T) {
	t.Parallel()
	var all []waiting
	for i, v := range envoy.Versions() {
		all = append(all, startWaiting(t, workload(t, "outage"+string(rune('a'+i))), v))
	}
	for end := time.Now().Add(outage); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, w := range all {
			w.look(t)
		}
	}
	for _, w := range all {
		w.heal(t)
	}
}

// A waiting proxy asks for a module that its server does not have yet.
type waiting struct {
	version envoy.Version
	filter  byHand
	proxy   *Proxy
}

func startWaiting(t *testing.T, w *Workload, v envoy.Version) waiting {
	t.Helper()
	f := byHand{
		name: w.Name, workload: w, server: serveModules(t, w.Name+"-modules"), module: moduleSaying(t, "earth"),
		pace: pace, // and else as rendered for a filter that fails closed
	}
	f.apply(t)
	waitForFilter(t, f)
	p := sidecar(t, w, ProxyOptions{Envoy: v, NotReady: true})
	f.server.waitForRequests(chains)
	return waiting{version: v, filter: f, proxy: p}
}

// look requires that the proxy still asks, and that it does not listen without its filter.
func (w waiting) look(t *testing.T) {
	t.Helper()
	if err := checkAnswer(t.Context(), w.filter.workload.URL(InboundPort), refused); err != nil {
		t.Fatalf("%s asked %d times, and: %v", w.version, w.filter.server.requests(), err)
	}
	if pause := w.filter.server.longestPause(); pause > longestWait+lateness {
		t.Fatalf("%s asked %d times, with a pause of %s", w.version, w.filter.server.requests(), pause)
	}
}

// heal gives the server its module and requires the proxy to run it.
func (w waiting) heal(t *testing.T) {
	t.Helper()
	tries := w.filter.server.requests()
	if least := chains * int(outage/longestWait); tries < least {
		t.Errorf("%s asked %d times, want at least %d", w.version, tries, least)
	}
	w.filter.server.add(w.filter.module)
	began := time.Now()
	w.filter.server.waitForRequests(tries + 1)
	if waited := time.Since(began); waited > longestWait+lateness {
		t.Errorf("%s asked again only after %s", w.version, waited)
	}
	waitThrough(t, w.filter.workload.URL(InboundPort), refused, "200 earth")
	suite.Eventually(t, w.proxy.Ready)
	t.Logf("%s asked %d times in vain, and had the header %s after the module was there", w.version, tries, time.Since(began).Round(time.Millisecond))
}
