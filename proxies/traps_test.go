// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/render"
)

func TestTraps(t *testing.T) {
	at := func(minutes int) time.Time { return testTime.Add(time.Duration(minutes) * time.Minute) }
	type scrape struct {
		minute int
		n      int64
		isNew  bool
	}
	for name, tt := range map[string]struct {
		scrapes        []scrape
		now            int
		recent, goesOn bool
		want           string
	}{
		"none":                           {[]scrape{{0, 0, true}, {1, 0, true}}, 1, false, false, "once"},
		"one":                            {[]scrape{{0, 0, true}, {1, 1, true}, {2, 1, true}}, 2, true, false, "once"},
		"one, long ago":                  {[]scrape{{0, 0, true}, {1, 1, true}}, 11, false, false, "once"},
		"two":                            {[]scrape{{0, 0, true}, {1, 1, true}, {2, 2, true}}, 2, true, true, "more than once"},
		"many at once":                   {[]scrape{{0, 0, true}, {1, 57, true}}, 2, true, false, "at least 10 times"},
		"many":                           {[]scrape{{0, 0, true}, {1, 57, true}, {2, 1234, true}}, 2, true, true, "at least 1000 times"},
		"two, far apart":                 {[]scrape{{0, 0, true}, {1, 1, true}, {20, 2, true}}, 20, true, false, "more than once"},
		"before the first scrape":        {[]scrape{{0, 3, true}}, 0, true, false, "more than once"},
		"before this process, perhaps":   {[]scrape{{0, 3, false}, {1, 3, false}}, 1, false, false, "more than once"},
		"before this process, and later": {[]scrape{{0, 30, false}, {1, 31, false}}, 1, true, false, "at least 10 times"},
		"a count that fell":              {[]scrape{{0, 0, true}, {1, 5, true}, {2, 0, true}, {3, 1, true}}, 3, true, true, "once"},
	} {
		var got traps
		for _, s := range tt.scrapes {
			got = got.observed(s.n, s.isNew, at(s.minute))
		}
		if now := at(tt.now); got.recent(now) != tt.recent || got.goOn(now) != tt.goesOn || got.String() != tt.want {
			t.Errorf("%s: recent %t, goes on %t, %s", name, got.recent(now), got.goOn(now), got)
		}
	}
}

// trapping is a proxy that runs a filter, which it has started again so often after a trap; so many requests came before it was.
func trapping(p render.Plugin, restarts, backoffs int64) answer {
	a := runs(p)
	a.Restarts, a.Backoffs = map[render.Plugin]int64{shown(p): restarts}, map[render.Plugin]int64{shown(p): backoffs}
	return a
}

// TestTrapsAreFoundSoon: what a proxy counts at each scrape, and whether the filter is said to trap a moment later.
func TestTrapsAreFoundSoon(t *testing.T) {
	well := runs(plugin1)
	for name, tt := range map[string]struct {
		answers []answer
		after   []time.Duration
		traps   []bool
	}{
		"from its start": {
			[]answer{trapping(plugin1, 0, 5), trapping(plugin1, 3, 90)}, []time.Duration{0, confirmAfter}, []bool{true, true}},
		"once, at its start": {
			[]answer{trapping(plugin1, 0, 5), trapping(plugin1, 1, 9), trapping(plugin1, 1, 9)},
			[]time.Duration{0, confirmAfter, lastScrape}, []bool{true, false, false}},
		"again and again, once it was seen to be well": {
			[]answer{well, well, trapping(plugin1, 2, 90), trapping(plugin1, 4, 180)},
			[]time.Duration{0, confirmAfter, DefaultInterval * 6 / 5, confirmAfter}, []bool{false, false, false, true}},
		"a moment after its start": {
			[]answer{well, trapping(plugin1, 2, 90), trapping(plugin1, 4, 180)}, []time.Duration{0, confirmAfter, confirmAfter}, []bool{false, true, true}},
		"again and again, after a minute": {
			[]answer{well, well, trapping(plugin1, 2, 90), trapping(plugin1, 4, 180)},
			[]time.Duration{0, time.Minute, 36 * time.Second, lastScrape}, []bool{false, false, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, r *running) {
				r.run("a", "10.0.0.1", tt.answers[0])
				r.put(inCluster())
				for i, a := range tt.answers {
					r.answer("10.0.0.1", a)
					pass(tt.after[i])
					if known := r.put(inCluster()); strings.Contains(known, "has trapped") != tt.traps[i] {
						t.Errorf("after scrape %d: %s", i, known)
					}
				}
			})
		})
	}
}

// TestTrapsAreScrapedAnew: whether traps go on is asked of the proxy itself, and in the end no more often than it must be.
func TestTrapsAreScrapedAnew(t *testing.T) {
	inMesh(t, func(t *testing.T, r *running) {
		r.run("a", "10.0.0.1", runs(plugin1))
		r.put(inCluster())
		pass(time.Minute)
		r.answer("10.0.0.1", trapping(plugin1, 1, 0))
		for r.known().snapshot.trapped == 0 {
			pass(time.Second)
		}
		r.scraped()
		pass(trapWindow - time.Minute)
		scrapes := r.scraped()
		for _, s := range scrapes {
			if s.maxAge > firstScrape {
				t.Errorf("it takes a report of %s", s.maxAge)
			}
		}
		if between := gaps(scrapes); between[0] > confirmAfter+time.Second || between[len(between)-1] != lastScrape {
			t.Errorf("gaps %v", between)
		}
	})
}
