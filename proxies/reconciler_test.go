// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	oneRuns  = "1 of 1 selected proxies run the module"
	noneRuns = "0 of 1 selected proxies run the module; the proxy of Pod shop/a "
)

// pass lets time pass, and what is due at its end happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// expectUnknown puts objects into the cache of which nothing is known.
func (r *running) expectUnknown(t *testing.T, a applied) {
	t.Helper()
	if got := r.put(a); got != "" {
		t.Errorf("known before it was observed: %q", got)
	}
}

// expectKnown compares what is known, and which changes were reported since.
func (r *running) expectKnown(t *testing.T, a applied, want string, changes ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.put(a)); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(changes, r.changes()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestScrapesWhenAllIsWell(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.put(inCluster())
		pass(time.Hour)
		scrapes := r.scraped()
		between := gaps(scrapes)
		if len(scrapes) < 3600/36 || between[0] != confirmAfter || slices.Min(between[1:]) < 30*time.Second || slices.Max(between) > 36*time.Second {
			t.Errorf("scraped %d times, first after %s, then every %s to %s", len(scrapes), between[0], slices.Min(between[1:]), slices.Max(between))
		}
		if slices.Max(between)-slices.Min(between[1:]) < time.Second {
			t.Errorf("always after %s: what began together is scraped together for ever", slices.Max(between))
		}
		for i, s := range scrapes {
			want := 15 * time.Second // the reports of others will do
			if i < confirmScrapes {
				want = 250 * time.Millisecond
			}
			if s.maxAge != want {
				t.Errorf("scrape %d takes a report of %s, want %s", i, s.maxAge, want)
			}
		}
	})
}

// Events that change nothing for the proxies do not have them scraped.
func TestScrapesWhenDueOnly(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.put(inCluster())
		pass(time.Minute)
		r.scraped()
		for i := range 100 {
			r.put(inCluster(func(a *applied) { a.aw.Status.Message = fmt.Sprint(i) }))
			pass(300 * time.Millisecond)
		}
		if n := len(r.scraped()); n < 1 || n > 2 {
			t.Errorf("scraped %d times", n)
		}
		if !r.known().confirmed {
			t.Error("not confirmed any more")
		}
	})
}

func TestScrapesWhileLoading(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", waitsFor(plugin1))
		r.put(inCluster())
		pass(10 * time.Minute)
		between := gaps(r.scraped())
		if between[0] != firstScrape || between[len(between)-1] != lastScrape || !slices.IsSorted(between) || slices.Max(between) > lastScrape {
			t.Errorf("gaps %v", between)
		}
		for age, i := time.Duration(0), 0; age < loadTime-lastScrape; age, i = age+between[i], i+1 {
			if between[i] > loadScrape {
				t.Errorf("%s after the change a load that is over shows after %s", age, between[i])
			}
		}
		r.expectKnown(t, inCluster(), noneRuns+"still tries to load the module", "test", "test") // it waits; it waits for long
		r.answer("10.0.0.1", runs(plugin1))
		pass(lastScrape)
		r.expectKnown(t, inCluster(), oneRuns, "test")
	})
}

// TestScrapesWhileDraining: a proxy with former listeners is scraped often, for two minutes if it says so for ever, and its
// reports are shared.
func TestScrapesWhileDraining(t *testing.T) {
	drains := runs(plugin1)
	drains.Draining = 1
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", drains)
		r.put(inCluster())
		pass(time.Hour)
		scrapes := r.scraped()
		for i, gap := range gaps(scrapes)[confirmScrapes:] {
			s := scrapes[i+confirmScrapes]
			often := s.at.Sub(scrapes[0].at) < drainScrapes
			if often != (gap == drainScrape) || s.maxAge < drainScrape/2 {
				t.Errorf("%s after the change a report of %s, and the next after %s", s.at.Sub(scrapes[0].at), s.maxAge, gap)
			}
		}
	})
}

// TestScrapesWhileCompiling: a proxy that compiles does not answer, for longer than a load takes, and then at once.
func TestScrapesWhileCompiling(t *testing.T) {
	for _, silent := range []time.Duration{20 * time.Second, 40 * time.Second, 4 * time.Minute} {
		inMesh(t, func(t *testing.T, r *running) {
			r.run("a", "10.0.0.1", unreachable(errUnreachable))
			r.put(inCluster())
			pass(silent)
			r.answer("10.0.0.1", runs(plugin1))
			pass(silentScrape)
			if known := r.put(inCluster()); known != oneRuns {
				t.Errorf("%s after a silence of %s: %s", silentScrape, silent, known)
			}
		})
	}
}

// A short interval bounds all other times.
func TestScrapesAsOftenAsIsWanted(t *testing.T) {
	for name, says := range map[string]answer{"well": runs(plugin1), "loading": waitsFor(plugin1), "failed": doesNotStart(plugin1)} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, r *running) {
				r.run("a", "10.0.0.1", says)
				r.put(inCluster())
				pass(time.Minute)
				if between := gaps(r.scraped()); slices.Max(between) > 1200*time.Millisecond {
					t.Errorf("gaps %v", between)
				}
			}, func(o *Options) { o.Interval = time.Second })
		})
	}
}

// A report that comes when there is another target is not taken for one about it.
func TestTheTargetChangesWhileItIsScraped(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1).after(5*time.Second))
		r.expectUnknown(t, inCluster())
		pass(time.Second)
		r.answer("10.0.0.1", waitsFor(plugin2).after(time.Second))
		second := inCluster(secondGeneration)
		r.expectUnknown(t, second)
		pass(4500 * time.Millisecond)
		r.expectUnknown(t, second)
		pass(time.Second)
		r.expectKnown(t, second, noneRuns+"waits for the module", "test")
		if _, most := r.concurrency(); most != 1 {
			t.Errorf("it was scraped %d times at once", most)
		}
	})
}

// ends are the ways in which a target ends without another one.
var ends = map[string]func(*running){
	"deleted":     func(r *running) { r.delete(testKey) },
	"not applied": func(r *running) { r.put(inCluster(notApplied)) },
}

func TestTargetsThatEndAreNotScraped(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, r *running) {
				r.run("a", "10.0.0.1", gaveUp(plugin1).after(time.Second))
				r.put(inCluster())
				pass(time.Minute + 500*time.Millisecond)
				r.changes()
				again := inCluster(reloaded(1))
				if !r.ReloadDue(inCluster().aw, inCluster().ef) {
					t.Error("no reload is due")
				}
				r.put(again)
				pass(0)
				end(r)
				pass(time.Second)
				if known := r.known(); (known != nil && known.reload.delay != 0) != (name == "not applied") {
					t.Errorf("the delay of the next reload is remembered: %+v", known)
				}
				r.scraped()
				pass(time.Hour)
				if scrapes, changes := r.scraped(), r.changes(); scrapes != nil || changes != nil || r.ReloadDue(again.aw, again.ef) {
					t.Errorf("scraped %v, changes %v", scrapes, changes)
				}
				r.answer("10.0.0.1", runs(plugin1))
				r.expectUnknown(t, again)
				pass(confirmAfter)
				r.expectKnown(t, again, oneRuns, "test")
			})
		})
	}
}

// A report that comes when it is of no use any more is not kept.
func TestEndsWhileItIsScraped(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, r *running) {
				r.run("a", "10.0.0.1", gaveUp(plugin1).after(time.Minute))
				r.put(inCluster())
				pass(time.Second)
				end(r)
				pass(time.Hour)
				if scrapes, changes := r.scraped(), r.changes(); len(scrapes) != 1 || changes != nil || r.ReloadDue(inCluster().aw, inCluster().ef) {
					t.Errorf("scraped %d times, changes %v", len(scrapes), changes)
				}
			})
		})
	}
}

func TestStopsWithItsScrapes(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1).after(time.Hour))
		for i := range 20 {
			r.put(inCluster(named(fmt.Sprint(i))))
		}
		pass(time.Minute)
		began := time.Now()
		r.stop()
		if now, _ := r.concurrency(); time.Since(began) != 0 || now != 0 {
			t.Errorf("after %s, %d are being scraped", time.Since(began), now)
		}
		if scrapes, changes := r.scraped(), r.changes(); len(scrapes) != 1 || changes != nil {
			t.Errorf("scraped %d times, changes %v", len(scrapes), changes)
		}
		r.put(inCluster()) // an event that comes late
	}, func(o *Options) { o.Workers = 2 })
}

// A reconcile that is cut off leaves nothing but since when the target is known.
func TestAReconcileThatIsCutOff(t *testing.T) {
	r, c, _ := observing(t, runs(plugin1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if result, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: testKey}); err != nil || result != (reconcile.Result{}) {
		t.Errorf("%+v, %v", result, err)
	}
	if known := r.records[testKey]; known.observed || known.proxies != nil || c.atOnce != 0 {
		t.Errorf("%+v", known)
	}
}
