package controller

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	oneRuns  = "1 of 1 selected proxies run the module"
	noneRuns = "0 of 1 selected proxies run the module; the proxy of Pod shop/a "
)

var target1, target2 = selecting(running1), selecting(running2)

// pass lets time pass, and what is due at its end happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// expectUnseen begins to watch a target of which nothing is known.
func (w *watched) expectUnseen(t *testing.T, target proxyTarget) {
	t.Helper()
	if got := w.sees(target); got != "" {
		t.Errorf("seen before it was looked at: %q", got)
	}
}

// expectSeen compares what is known of a target, and whether it was woken for it.
func (w *watched) expectSeen(t *testing.T, target proxyTarget, want string, wakes ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.sees(target)); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wakes, w.wakes()); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

func TestWatchWakesWithNewsOnly(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1))
		w.expectUnseen(t, target1)
		synctest.Wait()
		w.expectSeen(t, target1, oneRuns, "test")
		pass(time.Hour)
		w.expectSeen(t, target1, oneRuns)
		w.says("10.0.0.1", without)
		pass(time.Minute)
		w.expectSeen(t, target1, noneRuns+"has no HTTP listener that the filter's ports and context match", "test")
	})
}

func TestAsksWhenAllIsWell(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1))
		w.sees(target1)
		pass(time.Hour)
		asked := w.asks()
		between := gaps(asked)
		if len(asked) < 3600/36 || between[0] != confirmAfter || slices.Min(between[1:]) < 30*time.Second || slices.Max(between) > 36*time.Second {
			t.Errorf("asked %d times, first after %s, then every %s to %s", len(asked), between[0], slices.Min(between[1:]), slices.Max(between))
		}
		if slices.Max(between)-slices.Min(between[1:]) < time.Second {
			t.Errorf("always after %s: what began together is asked together for ever", slices.Max(between))
		}
		for i, a := range asked {
			want := 15 * time.Second // others' answers will do
			if i < confirmLooks {
				want = 250 * time.Millisecond
			}
			if a.maxAge != want {
				t.Errorf("question %d takes an answer of %s, want %s", i, a.maxAge, want)
			}
		}
	})
}

func TestAsksWhileLoading(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", waitsFor(plugin1))
		w.sees(target1)
		pass(10 * time.Minute)
		asked := w.asks()
		between := gaps(asked)
		if between[0] != firstAsk || between[len(between)-1] != lastAsk || !slices.IsSorted(between) || slices.Max(between) > lastAsk {
			t.Errorf("gaps %v", between)
		}
		w.expectSeen(t, target1, noneRuns+"still tries to load the module", "test", "test") // it waits; it waits for long
		w.says("10.0.0.1", runs(plugin1))
		pass(lastAsk)
		w.expectSeen(t, target1, oneRuns, "test")
	})
}

// A short interval bounds all other times.
func TestAsksAsOftenAsIsWanted(t *testing.T) {
	for name, says := range map[string]answer{"well": runs(plugin1), "loading": waitsFor(plugin1), "failed": doesNotStart(plugin1)} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, w *watched) {
				w.run("a", "10.0.0.1", says)
				w.sees(target1)
				pass(time.Minute)
				if between := gaps(w.asks()); slices.Max(between) > 1200*time.Millisecond {
					t.Errorf("gaps %v", between)
				}
			}, func(o *ProxyOptions) { o.Interval = time.Second })
		})
	}
}

// An answer that comes when there is another target is not taken for one about it.
func TestTheTargetChangesWhileItIsAsked(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1).after(5*time.Second))
		w.expectUnseen(t, target1)
		pass(time.Second)
		w.says("10.0.0.1", waitsFor(plugin2).after(time.Second))
		w.expectUnseen(t, target2)
		pass(4500 * time.Millisecond)
		w.expectUnseen(t, target2)
		pass(time.Second)
		w.expectSeen(t, target2, noneRuns+"waits for the module", "test")
		if w.mostOnce != 1 {
			t.Errorf("it was asked %d times at once", w.mostOnce)
		}
	})
}

// TestTargetsThatAreOthers: nothing that was seen of one holds for another.
func TestTargetsThatAreOthers(t *testing.T) {
	tests := map[string]struct {
		edit func(*proxyTarget)
		same bool
	}{
		"the same":               {func(*proxyTarget) {}, true},
		"another AutoWasm":       {func(t *proxyTarget) { t.uid = "uid-2" }, false},
		"another generation":     {func(t *proxyTarget) { t.generation++ }, false},
		"another EnvoyFilter":    {func(t *proxyTarget) { t.envoyFilter.uid = "ef-2" }, false},
		"an EnvoyFilter changed": {func(t *proxyTarget) { t.envoyFilter.generation++ }, false},
		"another plugin":         {func(t *proxyTarget) { t.plugin = plugin2 }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, w *watched) {
				w.run("a", "10.0.0.1", runs(plugin1))
				w.sees(target1)
				synctest.Wait()
				if got := w.sees(selecting(running1, tt.edit)) != ""; got != tt.same {
					t.Errorf("seen: %v", got)
				}
			})
		})
	}
}

func TestForgottenAndRestingTargetsAreNotAsked(t *testing.T) {
	ends := map[string]func(*watched){
		"forgotten": func(w *watched) { w.forget(testKey) },
		"at rest":   func(w *watched) { w.rest(testKey) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, w *watched) {
				w.run("a", "10.0.0.1", gaveUp(plugin1).after(time.Second))
				w.sees(target1)
				pass(time.Minute + 500*time.Millisecond)
				w.wakes()
				if !w.reloadDue(testKey) {
					t.Error("no reload is due")
				}
				end(w)
				if _, remembered := w.reloads[testKey]; remembered != (name == "at rest") {
					t.Errorf("the delay of the next reload is remembered: %v", remembered)
				}
				pass(time.Second)
				w.asks()
				pass(time.Hour)
				if asked, woken := w.asks(), w.wakes(); asked != nil || woken != nil || w.reloadDue(testKey) {
					t.Errorf("asked %v, woken %v", asked, woken)
				}
				w.says("10.0.0.1", runs(plugin1))
				w.expectUnseen(t, target1)
				pass(time.Second)
				w.expectSeen(t, target1, oneRuns, "test")
			})
		})
	}
}

// An answer that comes when nobody wants to know any more is not kept.
func TestEndsWhileItIsAsked(t *testing.T) {
	for name, end := range map[string]func(*watched){
		"forgotten": func(w *watched) { w.forget(testKey) },
		"at rest":   func(w *watched) { w.rest(testKey) },
	} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, w *watched) {
				w.run("a", "10.0.0.1", gaveUp(plugin1).after(time.Minute))
				w.sees(target1)
				pass(time.Second)
				end(w)
				pass(time.Hour)
				if asked, woken := w.asks(), w.wakes(); len(asked) != 1 || woken != nil || w.reloadDue(testKey) {
					t.Errorf("asked %d times, woken %v", len(asked), woken)
				}
			})
		})
	}
}

func TestStartWaitsForItsWorkers(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", runs(plugin1).after(time.Hour))
		for i := range 20 {
			w.sees(selecting(running1, func(t *proxyTarget) { t.key.Name = fmt.Sprint(i) }))
		}
		pass(time.Minute)
		began := time.Now()
		w.stop()
		if took := time.Since(began); took != 0 || w.atOnce != 0 {
			t.Errorf("after %s, %d are being asked", took, w.atOnce)
		}
		if asked, woken := w.asks(), w.wakes(); len(asked) != 2 || woken != nil {
			t.Errorf("asked %d times, woken %v", len(asked), woken)
		}
		w.sees(target1) // by a reconcile that is not over
		w.rest(testKey)
	}, func(o *ProxyOptions) { o.Workers = 2 })
}

func TestANilWatcher(t *testing.T) {
	w := newProxyWatcher(nil, nil, nil, nil)
	if w != nil || w.reloadDue(testKey) {
		t.Error("there is something to do")
	}
	w.forget(testKey)
	w.rest(testKey)
}
