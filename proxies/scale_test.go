// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"testing"
	"time"
)

// However often a target changes, its proxies are scraped no more often afterwards.
func TestChangesDoNotAddUp(t *testing.T) {
	scrapesAfter := func(changes int) (scrapes int) {
		inMesh(t, func(_ *testing.T, r *running) {
			r.run("a", "10.0.0.1", doesNotStart(plugin1))
			for i := range changes {
				r.put(inCluster(ofGeneration(int64(i))))
				pass(707 * time.Millisecond)
			}
			pass(10 * time.Minute)
			r.scraped()
			pass(10 * time.Minute)
			scrapes = len(r.scraped())
		})
		return scrapes
	}
	if one, many := scrapesAfter(1), scrapesAfter(100); one != 60 || many != 60 {
		t.Errorf("scraped %d times after one change, %d times after a hundred, want 60", one, many)
	}
}

// TestManyTargets: what is well costs a few scrapes each interval, and nothing else. With five times as many targets, and
// a goroutine for each scrape, the race detector itself failed one time in a hundred (CHECK failed: tsan_rtl.cpp:346).
func TestManyTargets(t *testing.T) {
	const targets, intervals = 200, 10
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		for i := range targets {
			r.put(inCluster(named(fmt.Sprint(i))))
		}
		pass(DefaultInterval)
		if n := len(r.changes()); n != targets {
			t.Errorf("%d changes at first, want one for each", n)
		}
		r.scraped()
		pass(intervals * DefaultInterval)
		if n := len(r.scraped()); n > targets*intervals || n < targets*(intervals-3) {
			t.Errorf("scraped %d times in %d intervals", n, intervals)
		}
		if changes := r.changes(); changes != nil {
			t.Errorf("%d changes", len(changes))
		}
	})
}

// TestPodsComeAndGo: what is remembered is what is there.
func TestPodsComeAndGo(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		for i := range 200 {
			name := fmt.Sprint("pod-", i)
			r.run(name, "10.0.0.1", []answer{runs(plugin1), doesNotStart(plugin1), gaveUp(plugin1)}[i%3])
			r.put(inCluster())
			pass(time.Minute)
			if known := r.known(); len(known.proxies) > 1 {
				t.Fatalf("%d proxies are known", len(known.proxies))
			}
			r.remove(name)
		}
		pass(time.Minute)
		known := r.known()
		if r.recorded() != 1 || len(known.proxies) != 0 || len(known.snapshot.details) != 0 || known.reload != (backoff{}) {
			t.Errorf("%d records, %+v", r.recorded(), known)
		}
	})
}

func TestProxiesAreScrapedSomeAtATime(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		for i := range 100 {
			says := runs(plugin1)
			if i == 70 {
				says = gaveUp(plugin1)
			}
			r.run(fmt.Sprintf("pod-%03d", i), fmt.Sprint("10.0.0.", i), says.after(time.Second))
		}
		pass(time.Minute)
		r.put(inCluster())
		pass(20 * time.Second)
		want := "99 of 100 selected proxies run the module; the proxy of Pod shop/pod-070 gave up loading the module; since it started, 1 load of modules failed"
		_, most := r.concurrency()
		if got := r.put(inCluster()); got != want || most != DefaultMaxConcurrentScrapes/2-1 { // all are of one namespace
			t.Errorf("scraped %d at once: %s", most, got)
		}
	})
}
