package controller

import (
	"fmt"
	"testing"
	"time"
)

// However often a target changes, its proxies are asked no more often afterwards.
func TestChangesDoNotAddUp(t *testing.T) {
	asksAfter := func(changes int) (asks int) {
		inMesh(t, func(_ *testing.T, w *watched) {
			w.run("a", "10.0.0.1", doesNotStart(plugin1))
			for i := range changes {
				w.sees(selecting(running1, func(t *proxyTarget) { t.generation = int64(i) }))
				pass(707 * time.Millisecond)
			}
			pass(10 * time.Minute)
			w.asks()
			pass(10 * time.Minute)
			asks = len(w.asks())
		})
		return asks
	}
	if one, many := asksAfter(1), asksAfter(100); one != 60 || many != 60 {
		t.Errorf("asked %d times after one change, %d times after a hundred, want 60", one, many)
	}
}

// TestManyTargets: what is well costs a few questions each interval, and nothing else.
func TestManyTargets(t *testing.T) {
	const targets, intervals = 1000, 10
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1))
		for i := range targets {
			w.sees(selecting(running1, func(t *proxyTarget) { t.key.Name = fmt.Sprint(i) }))
		}
		pass(DefaultProxyInterval)
		if n := len(w.wakes()); n != targets {
			t.Errorf("woken %d times at first, want once for each", n)
		}
		w.asks()
		pass(intervals * DefaultProxyInterval)
		if n := len(w.asks()); n > targets*intervals || n < targets*(intervals-3) {
			t.Errorf("asked %d times in %d intervals", n, intervals)
		}
		if woken := w.wakes(); woken != nil {
			t.Errorf("woken %d times", len(woken))
		}
	})
}

// TestPodsComeAndGo: what is remembered is what is there.
func TestPodsComeAndGo(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		for i := range 200 {
			name := fmt.Sprint("pod-", i)
			w.run(name, "10.0.0.1", []answer{runs(plugin1), doesNotStart(plugin1), gaveUp(plugin1)}[i%3])
			w.sees(target1)
			pass(time.Minute)
			w.remove(name)
		}
		pass(time.Minute)
		known := w.watches[testKey]
		if len(w.watches) != 1 || len(known.looks) != 0 || len(known.broken) != 0 || len(known.view.told) != 0 || len(w.reloads) != 0 {
			t.Errorf("%d watches, %+v, %d reloads", len(w.watches), known, len(w.reloads))
		}
	})
}

func TestProxiesAreAskedSomeAtATime(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		for i := range 100 {
			says := runs(plugin1)
			if i == 70 {
				says = gaveUp(plugin1)
			}
			w.run(fmt.Sprintf("pod-%03d", i), fmt.Sprint("10.0.0.", i), says.after(time.Second))
		}
		pass(time.Minute)
		w.sees(target1)
		pass(20 * time.Second)
		want := "99 of 100 selected proxies run the module; the proxy of Pod shop/pod-070 gave up loading the module; since it started, 1 load of modules failed"
		if got := w.sees(target1); got != want || w.mostOnce != askedAtOnce {
			t.Errorf("asked %d at once: %s", w.mostOnce, got)
		}
	})
}
