package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func TestReloadDelays(t *testing.T) {
	r, now := reloads{}, testTime
	var delays []time.Duration
	for range 9 {
		if !r.due(testKey, now) || !r.take(testKey, now) {
			t.Fatalf("not due after %v", delays)
		}
		next := r[testKey].next
		if r.due(testKey, next.Add(-1)) || r.take(testKey, next.Add(-1)) {
			t.Errorf("due before %s", next)
		}
		delays = append(delays, next.Sub(now))
		now = next
	}
	want := []time.Duration{20, 40, 80, 160, 320, 600, 600, 600, 600}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, delays); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
	if other := (types.NamespacedName{Name: "other"}); !r.due(other, now) || len(r) != 1 {
		t.Errorf("one AutoWasm waits for another: %v", r)
	}
	r.forget(testKey)
	if len(r) != 0 || !r.take(testKey, now) || r[testKey].delay != firstReload {
		t.Errorf("not forgotten: %v", r)
	}
}

// TestReloads: proxies that give up are told again, ever more seldom, and soon when
// something has changed.
func TestReloads(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", gaveUp(plugin1))
		w.sees(target1)
		began := time.Now()
		var due []time.Duration
		for time.Since(began) < time.Hour {
			if len(w.wakes()) > 0 && w.reloadDue(testKey) {
				due = append(due, time.Since(began).Round(lastAsk))
				if w.reloadDue(testKey) {
					t.Fatal("due twice")
				}
			}
			pass(time.Second)
		}
		for i, gap := range []time.Duration{firstReload, 2 * firstReload, 4 * firstReload, 8 * firstReload, 16 * firstReload, lastReload, lastReload} {
			if got := due[i+1] - due[i]; got < gap || got > gap+2*lastAsk {
				t.Errorf("told again after %s, want %s", got, gap)
			}
		}
		if w.sees(target2); w.reloadDue(testKey) {
			t.Error("due before anything is known of the new generation")
		}
		w.says("10.0.0.1", gaveUp(plugin2))
		pass(settleTime + lastAsk)
		if !w.reloadDue(testKey) {
			t.Error("a new generation waits for what the former one has tried in vain")
		}
	})
}

// One that recovers begins anew.
func TestReloadsAreForgotten(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", gaveUp(plugin1))
		w.sees(target1)
		pass(time.Minute)
		for range 5 {
			w.reloadDue(testKey)
			pass(20 * time.Minute)
		}
		w.says("10.0.0.1", runs(plugin1))
		pass(30 * time.Second)
		if w.reloadDue(testKey) || len(w.reloads) != 0 {
			t.Errorf("due, or remembered: %v", w.reloads)
		}
	})
}

func TestReloadOfTheUnknown(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		if w.reloadDue(types.NamespacedName{Name: "unknown"}) || len(w.reloads) != 0 {
			t.Error("due")
		}
	})
}
