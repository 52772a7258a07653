package controller

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/fetch/serve"
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

// However often a target changes, its proxies are asked no more often afterwards.
func TestChangesDoNotAddUp(t *testing.T) {
	asksAfter := func(changes int) (asks int) {
		inMesh(t, func(_ *testing.T, w *watched) {
			w.run("a", "10.0.0.1", doesNotStart(plugin1))
			for i := range changes {
				w.sees(selecting(running1, func(t *proxyTarget) { t.generation = int64(i) }))
				pass(time.Second)
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

func TestASilentProxy(t *testing.T) {
	inMesh(t, func(t *testing.T, w *watched) {
		w.run("a", "10.0.0.1", silent(errSilent))
		w.sees(target1)
		synctest.Wait()
		w.expectSeen(t, target1, noneRuns+"cannot be asked: no answer", "test")
		if f := w.watches[testKey].view.failure(false); f == nil || f.Reason != ReasonProxiesLoading {
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
		if f := w.watches[testKey].view.failure(false); f == nil || f.Reason != ReasonProxyLoadFailed {
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
		seen := func() map[string]serve.Sighting { return map[string]serve.Sighting{"10.0.0.1": {Asked: time.Now()}} }
		w.mesh.sightings = seen()
		w.sees(target1)
		synctest.Wait()
		w.wakes()
		for range 60 * 60 {
			pass(time.Second)
			w.mesh.sightings = seen()
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
		w.listErr = errors.New("not synced")
		w.expectUnseen(t, target1)
		pass(time.Minute)
		w.expectUnseen(t, target1)
		w.listErr = nil
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

func TestANilWatcher(t *testing.T) {
	w := newProxyWatcher(nil, nil, nil, nil)
	if w != nil || w.reloadDue(testKey) {
		t.Error("there is something to do")
	}
	w.forget(testKey)
	w.rest(testKey)
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
