// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// reloaded has the proxies load the module once more.
func reloaded(count int64) func(*applied) {
	return func(a *applied) {
		annotate(a.ef, v1alpha1.AnnotationReload, fmt.Sprint(count))
		envoyFilterGeneration(1 + count)(a)
	}
}

func TestReloadDelays(t *testing.T) {
	var b backoff
	now := testTime
	var delays []time.Duration
	for range 9 {
		if !b.due(now) {
			t.Fatalf("not due after %v", delays)
		}
		b = b.after(now)
		if b.due(b.next.Add(-1)) {
			t.Errorf("due before %s", b.next)
		}
		delays = append(delays, b.next.Sub(now))
		now = b.next
	}
	want := []time.Duration{20, 40, 80, 160, 320, 600, 600, 600, 600}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, delays); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
}

// TestReloads: proxies that give up are made to load again, ever more seldom, and soon when something has changed.
func TestReloads(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", gaveUp(plugin1))
		now := inCluster()
		r.put(now)
		began := time.Now()
		var due []time.Duration
		for time.Since(began) < time.Hour {
			if len(r.changes()) > 0 && r.ReloadDue(now.aw, now.ef) {
				due = append(due, time.Since(began).Round(lastScrape))
				if !r.ReloadDue(now.aw, now.ef) {
					t.Fatal("no longer due before the EnvoyFilter has changed")
				}
				now = inCluster(reloaded(int64(len(due))))
				if r.put(now); r.ReloadDue(now.aw, now.ef) {
					t.Fatal("due twice")
				}
			}
			pass(time.Second)
		}
		for i, gap := range []time.Duration{firstReload, 2 * firstReload, 4 * firstReload, 8 * firstReload, 16 * firstReload, lastReload, lastReload} {
			if got := due[i+1] - due[i]; got < gap || got > gap+2*lastScrape {
				t.Errorf("due again after %s, want %s", got, gap)
			}
		}
		next := inCluster(secondGeneration)
		if r.put(next); r.ReloadDue(next.aw, next.ef) {
			t.Error("due before anything is known of the new generation")
		}
		r.answer("10.0.0.1", gaveUp(plugin2))
		pass(settleTime + lastScrape)
		if !r.ReloadDue(next.aw, next.ef) {
			t.Error("a new generation waits for what the former one has tried in vain")
		}
	})
}

// One that recovers begins again.
func TestTheBackoffEndsWithTheFailure(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", gaveUp(plugin1))
		now := inCluster()
		r.put(now)
		pass(time.Minute)
		for i := range 5 {
			now = inCluster(reloaded(int64(i + 1)))
			r.put(now)
			pass(20 * time.Minute)
		}
		if r.known().reload.delay != 16*firstReload {
			t.Errorf("delay %s", r.known().reload.delay)
		}
		r.answer("10.0.0.1", runs(plugin1))
		pass(lastReload / 2)
		if r.ReloadDue(now.aw, now.ef) || r.known().reload.delay != 16*firstReload {
			t.Errorf("due, or forgotten: %v", r.known().reload)
		}
		pass(lastReload)
		if r.known().reload != (backoff{}) {
			t.Errorf("remembered: %v", r.known().reload)
		}
	})
}

// One proxy that recovers after each reload, and fails again, does not have all others load all the time.
func TestAProxyThatKeepsFailingBacksOff(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.run("b", "10.0.0.2", gaveUp(plugin1))
		now := inCluster()
		r.put(now)
		reloads := int64(0)
		for began := time.Now(); time.Since(began) < time.Hour; pass(time.Second) {
			known := r.known()
			switch well := known != nil && known.seenOnce(); {
			case r.ReloadDue(now.aw, now.ef):
				reloads++
				now = inCluster(reloaded(reloads))
				r.put(now)
				r.answer("10.0.0.2", runs(plugin1))
			case well:
				r.answer("10.0.0.2", gaveUp(plugin1))
			}
		}
		if reloads < 5 || reloads > 12 {
			t.Errorf("%d reloads in an hour", reloads)
		}
	})
}

// seenOnce reports whether all proxies were found to run the filter, and one of them at the last scrape only.
func (r *record) seenOnce() bool {
	once := false
	for _, p := range r.proxies {
		if p.running == 0 {
			return false
		}
		once = once || p.running < confirmScrapes
	}
	return once
}

// One AutoWasm does not wait for another, and one without an EnvoyFilter has no proxies.
func TestReloadOfTheUnknown(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", gaveUp(plugin1))
		r.put(inCluster())
		pass(time.Minute)
		other := inCluster(named("other"))
		if r.ReloadDue(other.aw, other.ef) || r.ReloadDue(inCluster().aw, nil) {
			t.Error("due")
		}
		r.put(inCluster(reloaded(1)))
		r.put(other)
		pass(15 * time.Second)
		if !r.ReloadDue(other.aw, other.ef) || r.recorded() != 2 {
			t.Error("not due")
		}
	})
}
