// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/autowasm/autowasm/render"
)

// ofOwner is a revision of the filter of an AutoWasm.
func ofOwner(owner, vm, revision string) render.Plugin {
	return render.Plugin{Owner: "autowasm_" + owner, VM: vm, Revision: revision}
}

// step is a report in short.
type step struct {
	created int64
	vms     int
	filters string // letters, of which each is one with a module of its own; x, y, z are revisions of a
	edit    func(*Report)
	started bool // whether the last of filters is known to have
}

func plugins(letters string) (all []render.Plugin) {
	for _, letter := range letters {
		vm := string(letter)
		if letter >= 'x' {
			vm = "a"
		}
		all = append(all, ofOwner(vm, vm, string(letter)))
	}
	return all
}

// TestHistory: what Envoy was seen to count, with two workers and two filter chains.
func TestHistory(t *testing.T) {
	warming := func(r *Report) { r.Warming = 1 }
	failed := func(r *Report) { r.FetchFailures = 2 }
	trapped := func(n int64) func(*Report) {
		return func(r *Report) { r.Restarts = map[render.Plugin]int64{plugins("a")[0]: n} }
	}
	two := func(s step) []step { return []step{{s.created, s.vms, s.filters, s.edit, false}, s} }
	one := two(step{5, 4, "a", nil, false})
	for name, steps := range map[string][]step{
		"the first one":                       slices.Concat([]step{{0, 0, "", nil, false}}, two(step{5, 4, "a", nil, true})),
		"it was there before":                 two(step{5, 4, "a", nil, false}),
		"the second one, the first one twice": slices.Concat(one, two(step{15, 12, "ab", nil, true})),
		"the second one, the first one once":  slices.Concat(two(step{10, 4, "a", nil, false}), two(step{15, 8, "ab", nil, true})),
		"it traps, the first one twice":       slices.Concat(one, two(step{14, 8, "ab", nil, false})),
		"it traps, the first one once":        slices.Concat(one, two(step{9, 4, "ab", nil, false})),
		"it does not load, the first one twice": slices.Concat(one,
			two(step{10, 8, "ab", failed, false})),
		"it waits, the first one twice": slices.Concat(one,
			two(step{10, 8, "ab", warming, false}), two(step{15, 12, "ab", nil, true})),
		"it waits, then traps": slices.Concat(one,
			two(step{10, 8, "ab", warming, false}), two(step{14, 8, "ab", nil, false})),
		"another configuration, the module was loaded":     slices.Concat(one, two(step{10, 8, "ax", nil, true})),
		"another configuration, the module was cached":     slices.Concat(two(step{10, 8, "a", nil, false}), two(step{11, 8, "ax", nil, true})),
		"another configuration, a former listener ends":    slices.Concat(two(step{10, 8, "a", nil, false}), two(step{11, 4, "ax", nil, true})),
		"another configuration, which is loaded and traps": slices.Concat(two(step{10, 8, "a", nil, false}), two(step{12, 8, "ax", nil, false})),
		"another module after another configuration, and it traps": slices.Concat(one,
			two(step{10, 8, "ax", nil, true}), two(step{14, 8, "axb", nil, false})),
		"a former listener ends before": slices.Concat(two(step{15, 12, "ab", nil, false}),
			two(step{15, 8, "ab", nil, false}), two(step{20, 12, "abc", nil, true})),
		"a former listener ends meanwhile": slices.Concat(two(step{15, 12, "ab", nil, false}), two(step{20, 12, "abc", nil, false})),
		"a former listener ends meanwhile, a filter of the module has started": slices.Concat([]step{{0, 0, "", nil, false}},
			two(step{5, 4, "a", nil, true}), two(step{15, 12, "ab", nil, true}), two(step{21, 8, "cbx", nil, true})),
		"a former listener ends meanwhile, the module was there before": slices.Concat(two(step{5, 4, "a", nil, false}),
			two(step{15, 12, "ab", nil, true}), two(step{21, 8, "cbx", nil, false})),
		"a former listener ends meanwhile, a filter of the module has started before the proxy restarted": slices.Concat([]step{{0, 0, "", nil, false}},
			two(step{5, 4, "a", nil, true}), two(step{15, 12, "ab", nil, true}), two(step{14, 12, "b", nil, false})[:1], two(step{20, 8, "bx", nil, false})),
		"a revision that failed is still there, another one of its module has started": slices.Concat(two(step{5, 4, "b", nil, false}),
			two(step{9, 4, "ba", nil, false}), two(step{14, 8, "bax", nil, true}), two(step{16, 8, "bxa", nil, false}),
			two(step{17, 8, "bxa", func(r *Report) { r.OtherRestarts = 1 }, false})),
		"one that failed before": slices.Concat(two(step{9, 4, "ab", nil, false}), two(step{14, 8, "abc", nil, true})),
		"two, both run":          slices.Concat(one, two(step{20, 16, "abc", nil, true})),
		"two, one traps":         slices.Concat(one, two(step{19, 12, "abc", nil, false})),
		"it ran, another traps later": slices.Concat(one,
			two(step{10, 8, "ab", nil, true}), []step{{14, 8, "acb", nil, true}}),
		"another traps on requests meanwhile": slices.Concat(one,
			[]step{{11, 9, "ab", trapped(1), false}, {11, 9, "ab", trapped(1), false}}),
		"it ran, another traps on requests later": slices.Concat(one, two(step{10, 8, "ab", nil, true})[:1],
			[]step{{10, 8, "ab", nil, true}, {11, 9, "ab", trapped(1), true}}),
		"another has trapped before": slices.Concat(two(step{7, 6, "a", trapped(2), false}), two(step{12, 10, "ab", trapped(2), true})),
		"workers still start": slices.Concat(one,
			two(step{8, 6, "ab", nil, false}), two(step{10, 8, "ab", nil, true})),
		"what failed has gone, and its count":                               slices.Concat(two(step{4, 0, "b", nil, false}), two(step{9, 4, "cd", nil, false})),
		"it has no machines, the first one had another configuration tried": slices.Concat(one, two(step{5, 4, "ab", nil, false})),
		"the first scrape while others load":                                slices.Concat([]step{{7, 6, "bc", warming, false}}, two(step{15, 12, "bcd", nil, false})),
		"a scrape while others start":                                       slices.Concat(one, []step{{9, 7, "abc", nil, false}}, two(step{17, 12, "abcd", nil, false})),
		"the proxy forgot all":                                              slices.Concat(two(step{9, 4, "ab", nil, false}), two(step{14, 8, "cd", nil, false})),
		"the proxy has restarted":                                           slices.Concat(two(step{10, 4, "a", nil, false}), two(step{9, 8, "ab", nil, false})),
		"the proxy hides what it creates":                                   slices.Concat(two(step{0, 4, "a", nil, false}), two(step{0, 8, "ab", nil, false})),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistories(time.Now)
			for i, s := range steps {
				r := Report{At: testTime.Add(time.Duration(i) * time.Second), Workers: 2, Created: s.created, VMs: s.vms, Filters: plugins(s.filters)}
				if s.edit != nil {
					s.edit(&r)
				}
				if len(r.Filters) == 0 {
					h.started(instance{}, r, render.Plugin{})
					continue
				}
				if got := h.started(instance{}, r, r.Filters[len(r.Filters)-1]); got != s.started {
					t.Errorf("step %d, %+v: %v", i, s, got)
				}
			}
		})
	}
}

// TestNothingStartsThatDoesNot changes the filters of a proxy at random, of which some do not start, and scrapes it now
// and then. Those that do not are never taken to have.
func TestNothingStartsThatDoesNot(t *testing.T) {
	started := 0
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 0))
		e := newEnvoy(1 + random.IntN(4))
		e.chains = 1 + random.IntN(2)
		h := newHistories(time.Now)
		var filters []inListener
		var did []string
		for i := range 30 {
			switch n := random.IntN(12); {
			case n < 4:
				filters = changed(random, filters, i)
				e.update(filters...)
				did = append(did, fmt.Sprintf("update %+v", filters))
			case n < 6:
				e.load()
				did = append(did, "load")
			case n == 6:
				e.drain()
				did = append(did, "drain")
			case n == 7 && len(filters) > 0:
				e.restart(filters[0].Plugin)
				did = append(did, "restart")
			default:
				r := e.report()
				did = append(did, fmt.Sprintf("report %+v", r))
				for _, p := range r.Filters {
					switch got := r.settled() && h.started(instance{}, r, p); {
					case got && p.Revision[0] == 'f':
						t.Fatalf("seed %d: %+v is taken to have started:\n%q", seed, p, did)
					case got:
						started++
					}
				}
			}
		}
	}
	if started < 100 {
		t.Errorf("only %d were known to have started", started)
	}
}

// changed adds a filter, or changes the module or the configuration of one, or removes it.
func changed(random *rand.Rand, filters []inListener, i int) []inListener {
	filters = slices.Clone(filters)
	next := inListener{starts: random.IntN(3) > 0}
	next.Plugin = ofOwner("o", fmt.Sprint("vm", i), fmt.Sprint("s", i))
	if !next.starts {
		next.Revision = fmt.Sprint("f", i)
	}
	at := random.IntN(len(filters) + 1)
	if at == len(filters) {
		return append(filters, next)
	}
	switch random.IntN(3) {
	case 0:
		return slices.Delete(filters, at, at+1)
	case 1:
		next.VM = filters[at].VM
	}
	filters[at] = next
	return filters
}

// TestCodeCache: a filter of a module that the proxy has made others of is taken to have started, for as long as Envoy
// certainly has its code.
func TestCodeCache(t *testing.T) {
	a, b, x, y := plugins("a")[0], plugins("b")[0], plugins("x")[0], plugins("y")[0]
	for name, tt := range map[string]struct {
		since time.Duration // before the filter comes
		run   instance
		want  bool
	}{
		"a minute ago":           {since: time.Minute, want: true},
		"too long ago":           {since: codeCacheTime},
		"after it":               {since: -time.Hour},
		"in another of its runs": {since: time.Minute, run: instance{restarts: 1}},
	} {
		h := newHistories(time.Now)
		report := func(seconds int, created int64, vms int, filters ...render.Plugin) Report {
			return Report{At: testTime.Add(time.Duration(seconds) * time.Second), Workers: 2, Created: created, VMs: vms, Filters: filters}
		}
		for _, run := range []instance{{}, tt.run} {
			h.started(run, report(0, 20, 12, b, x), x)
		}
		h.ran(instance{}, a, testTime.Add(-tt.since))
		for i := 1; i < 3; i++ { // a former listener has ended, so that their number does not tell
			h.started(tt.run, report(i, 26, 8, b, x, y), y)
		}
		if got := h.started(tt.run, report(3, 26, 8, b, x, y), y); got != tt.want {
			t.Errorf("one ran %s: %v", name, got)
		}
		if h.started(tt.run, report(4, 26, 8, b, x, y), x) {
			t.Errorf("one ran %s: another, which was there before, is taken to have started", name)
		}
	}
}

// TestHistoryOfOneScrape: several AutoWasms add the same report, and late ones an older.
func TestHistoryOfOneScrape(t *testing.T) {
	h, p := newHistories(time.Now), plugins("ab")[1]
	at := func(seconds int, created int64, vms int, filters string) Report {
		return Report{At: testTime.Add(time.Duration(seconds) * time.Second), Workers: 2, Created: created, VMs: vms, Filters: plugins(filters)}
	}
	before, first := at(0, 5, 4, "a"), at(1, 10, 8, "ab")
	for i, r := range []Report{before, first, first, before, first} {
		if h.started(instance{}, r, p) {
			t.Errorf("report %d: one scrape is enough", i)
		}
	}
	if !h.started(instance{}, at(2, 10, 8, "ab"), p) {
		t.Error("two are not")
	}
	if h.started(instance{restarts: 1}, at(3, 10, 8, "ab"), p) {
		t.Error("another run of the proxy has its history")
	}
}

// TestHistoriesAreBounded: a hostile pod has as many filters as are read, or ones with long names.
func TestHistoriesAreBounded(t *testing.T) {
	for name, tt := range map[string]struct{ filters, nameLength, want int }{
		"as many as may be":    {maxFollowed, 40, maxFollowed},
		"too many":             {maxFollowed + 1, 40, 0},
		"with names too long":  {maxFollowed, maxPluginName, 0},
		"one with a long name": {1, maxPluginName, 1},
	} {
		h := newHistories(time.Now)
		r := Report{At: testTime, Workers: 2, Created: 5, VMs: 4}
		for n := range tt.filters {
			r.Filters = append(r.Filters, ofOwner(fmt.Sprintf("%0*d", tt.nameLength, n), "vm", "revision"))
		}
		h.started(instance{}, r, r.Filters[0])
		kept, _ := h.all.Get(instance{})
		if got := len(kept.(*history).filters); got != tt.want {
			t.Errorf("%s: %d filters are followed, want %d", name, got, tt.want)
		}
	}
}
