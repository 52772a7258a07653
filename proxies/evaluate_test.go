// SPDX-License-Identifier: Apache-2.0

package proxies_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

type verdict struct {
	State proxies.State
	Why   string
}

// report is what a proxy of two workers says.
func report(edit func(*proxies.Report)) proxies.Report {
	r := proxies.Report{Workers: 2}
	edit(&r)
	return r
}

// has is a report with filters and a number of virtual machines.
func has(vms int, filters ...render.Plugin) proxies.Report {
	return report(func(r *proxies.Report) { r.VMs, r.Filters = vms, filters })
}

// but is the report with a change.
func but(r proxies.Report, edits ...func(*proxies.Report)) proxies.Report {
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// TestEvaluateRepaired: a former revision that did not start has no virtual machines, and the repaired one need not
// have them for it.
func TestEvaluateRepaired(t *testing.T) {
	former := render.Plugin{Owner: filterA.Owner, VM: "0f0f0f0f", Revision: "00000001"}
	other := render.Plugin{Owner: "autowasm_other", VM: former.VM, Revision: former.Revision}
	draining := func(r *proxies.Report) { r.Draining = 2 }
	for name, tt := range map[string]struct {
		report  proxies.Report
		failed  []string
		started bool
		want    proxies.State
	}{
		"known":                      {but(has(4, filterA, former), draining), []string{"00000000", former.Revision}, false, proxies.Running},
		"not known":                  {but(has(4, filterA, former), draining), nil, false, proxies.StartFailed},
		"another's":                  {but(has(4, filterA, other), draining), []string{former.Revision}, false, proxies.StartFailed},
		"it does not start":          {but(has(0, filterA, former), draining), []string{former.Revision, filterA.Revision}, false, proxies.StartFailed},
		"beside another":             {but(has(8, filterA, former, filterB), draining), []string{former.Revision}, false, proxies.Loading},
		"beside another, it started": {but(has(8, filterA, former, filterB), draining), []string{former.Revision}, true, proxies.Running},
	} {
		before := slices.Clone(tt.report.Filters)
		got, why := proxies.Evaluate(filterA, proxies.Evidence{
			Report: tt.report, FailedRevisions: tt.failed, Started: tt.started, Served: true, Settled: true,
		})
		if got != tt.want {
			t.Errorf("%s: %s, it %s", name, got, why)
		}
		if diff := cmp.Diff(before, tt.report.Filters); diff != "" {
			t.Errorf("%s: the report was changed:\n%s", name, diff)
		}
	}
}

func TestEvaluatePresent(t *testing.T) {
	failed := func(n int64) func(*proxies.Report) { return func(r *proxies.Report) { r.FetchFailures = n } }
	warming := func(n int64) func(*proxies.Report) {
		return func(r *proxies.Report) { r.Warming, r.FetchFailures = 1, n }
	}
	draining := func(r *proxies.Report) { r.Draining = 2 }
	trapped := func(filters ...render.Plugin) func(*proxies.Report) {
		return func(r *proxies.Report) {
			r.Restarts = map[render.Plugin]int64{}
			for _, f := range filters {
				r.Restarts[f] = 1
			}
		}
	}
	filterC := render.Plugin{VM: "2a2b3c4d", Revision: "5e6f7a8b"}
	hasOther := func(vms int) proxies.Report { return has(vms, filterA, of("autowasm_other", filterB)[0]) }
	starting := func(r *proxies.Report) { r.Starting = true }
	others := func(n int) func(*proxies.Report) { return func(r *proxies.Report) { r.Others = n } }
	sharing := render.Plugin{VM: filterA.VM, Revision: "00000000"}
	const start = "has the module, but runs only 0 of the 4 virtual machines that its filters need: " +
		"the module traps at its start, refuses its configuration, or this Envoy cannot run it; the proxy's log says which"
	const several = "has the module, but runs only 4 of the 8 virtual machines that its filters need: " +
		"the module traps at its start, refuses its configuration, or this Envoy cannot run it; the proxy's log says which; " +
		"the number is that of 2 filters together, and which of them does not run it does not tell"
	cases := map[string]struct {
		evidence proxies.Evidence
		want     verdict
	}{
		"runs":                            {proxies.Evidence{Report: has(4, filterA)}, verdict{proxies.Running, ""}},
		"runs, more than needed":          {proxies.Evidence{Report: has(9, filterA)}, verdict{proxies.Running, ""}},
		"runs while another one warms":    {proxies.Evidence{Report: but(has(4, filterA), warming(1)), Overdue: true}, verdict{proxies.Running, ""}},
		"may be about to run":             {proxies.Evidence{Report: but(has(4, filterA), warming(0))}, verdict{proxies.Loading, "waits for the module"}},
		"runs beside another":             {proxies.Evidence{Report: has(8, filterB, filterA)}, verdict{proxies.Running, ""}},
		"runs on the machines of another": {proxies.Evidence{Report: has(4, sharing, filterA)}, verdict{proxies.Running, ""}},
		"runs beside other people's":      {proxies.Evidence{Report: but(has(8, filterA), others(3))}, verdict{proxies.Running, ""}},
		"ran before":                      {proxies.Evidence{Report: has(0, filterA), Confirmed: true, Settled: true}, verdict{proxies.Running, ""}},
		"ran before, no workers": {
			proxies.Evidence{Report: proxies.Report{Filters: []render.Plugin{filterA}}, Confirmed: true},
			verdict{proxies.Running, ""},
		},
		"warms": {
			proxies.Evidence{Report: but(has(0, filterA), warming(0)), Settled: true, Served: true},
			verdict{proxies.Loading, "waits for the module"},
		},
		"may be the machines of another, twice": {
			proxies.Evidence{Report: but(hasOther(8), draining), Settled: true, Served: true},
			verdict{proxies.Loading, "seems to run the module; that is certain when its former listeners are drained"},
		},
		"more machines than others can have twice": {
			proxies.Evidence{Report: but(hasOther(12), draining), Settled: true, Served: true},
			verdict{proxies.Running, ""},
		},
		"others drain for too long": {
			proxies.Evidence{Report: but(hasOther(8), draining), Settled: true, Overdue: true, Drained: true},
			verdict{proxies.Running, ""},
		},
		"may be the machines of its own former revision, twice": {
			proxies.Evidence{Report: but(has(8, filterB, filterA), draining), Settled: true, Served: true},
			verdict{proxies.Loading, "seems to run the module; that is certain when its former listeners are drained"},
		},
		"its former revision has the same module": {
			proxies.Evidence{Report: but(has(4, sharing, filterA), draining), Settled: true, Served: true},
			verdict{proxies.Running, ""},
		},
		"has started": {
			proxies.Evidence{Report: but(hasOther(8), draining), Started: true},
			verdict{proxies.Running, ""},
		},
		"has started, and its listener warms": {
			proxies.Evidence{Report: but(has(4, filterA), warming(0)), Started: true},
			verdict{proxies.Loading, "waits for the module"},
		},
		"has started beside one that has not": {
			proxies.Evidence{Report: hasOther(4), Started: true, Settled: true, Served: true},
			verdict{proxies.Running, ""},
		},
		"was found not to start, others have theirs twice since": {
			proxies.Evidence{Report: but(hasOther(8), draining), FailedRevisions: []string{filterA.Revision}, Settled: true, Overdue: true, Drained: true},
			verdict{proxies.StartFailed, strings.NewReplacer("only 4", "only 8", "of the 8", "of the 12").Replace(several)},
		},
		"was found not to start, others run": {
			proxies.Evidence{Report: hasOther(8), FailedRevisions: []string{filterA.Revision}, Settled: true, Overdue: true, Drained: true},
			verdict{proxies.Running, ""},
		},
		"may be what is left of others that trapped": {
			proxies.Evidence{Report: but(has(12, filterA, filterB, filterC), trapped(filterB, filterC)), Settled: true, Overdue: true, Drained: true},
			verdict{proxies.Loading, "seems to run the module; some of its virtual machines may be left of other filters that trapped, " +
				"so that it is certain when the filter is changed"},
		},
		"more than others that trapped can leave": {
			proxies.Evidence{Report: but(has(16, filterA, filterB, filterC), trapped(filterB, filterC)), Settled: true},
			verdict{proxies.Running, ""},
		},
		"one that trapped leaves fewer than a filter needs": {
			proxies.Evidence{Report: but(hasOther(9), trapped(filterB)), Settled: true},
			verdict{proxies.Running, ""},
		},
		"traps itself, and was started again": {
			proxies.Evidence{Report: but(hasOther(8), trapped(filterA), draining), Settled: true},
			verdict{proxies.Running, ""},
		},
		"warms for too long": {
			proxies.Evidence{Report: but(has(0, filterA), warming(0)), Settled: true, Overdue: true},
			verdict{proxies.LoadFailing, "still tries to load the module"},
		},
		"starts": {
			proxies.Evidence{Report: but(has(0, filterA), starting), Settled: true},
			verdict{proxies.Loading, "waits for the module"},
		},
		"starts for too long": {
			proxies.Evidence{Report: but(has(0, filterA), starting), Settled: true, Overdue: true},
			verdict{proxies.LoadFailing, "still tries to load the module"},
		},
		"warms after a failure": {
			proxies.Evidence{Report: but(has(0, filterA), warming(1)), Settled: true},
			verdict{proxies.Loading, "waits for the module; since it started, 1 load of modules failed"},
		},
		"warms after failures, the former one runs": {
			proxies.Evidence{Report: but(has(4, filterB, filterA), warming(2)), Settled: true},
			verdict{proxies.Loading, "waits for the module; since it started, 2 loads of modules failed"},
		},
		"has just come": {
			proxies.Evidence{Report: has(0, filterA), Served: true},
			verdict{proxies.Loading, "has just taken the filter"},
		},
		"does not start": {proxies.Evidence{Report: has(0, filterA), Settled: true, Served: true}, verdict{proxies.StartFailed, start}},
		"does not start, not known to be served": {
			proxies.Evidence{Report: has(0, filterA), Settled: true},
			verdict{proxies.StartFailed, start},
		},
		"does not start, another did not load": {
			proxies.Evidence{Report: but(has(0, filterA), failed(1)), Settled: true, Served: true},
			verdict{proxies.StartFailed, start},
		},
		"one of two does not start": {
			proxies.Evidence{Report: has(4, filterB, filterA), Settled: true, Served: true},
			verdict{proxies.StartFailed, several},
		},
		"one of two does not start, the other is not ours": {
			proxies.Evidence{Report: but(has(4, filterA), others(1)), Settled: true, Served: true},
			verdict{proxies.StartFailed, several},
		},
		"does not load": {
			proxies.Evidence{Report: but(has(0, filterA), failed(3)), Settled: true},
			verdict{proxies.LoadFailed, "gave up loading the module; since it started, 3 loads of modules failed"},
		},
		"hides its workers": {
			proxies.Evidence{Report: proxies.Report{VMs: 4, Filters: []render.Plugin{filterA}}, Settled: true},
			verdict{proxies.Unknown, "does not show how many workers it has: its bootstrap hides the statistic server.concurrency"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { expectVerdict(t, c.evidence, c.want) })
	}
}

func expectVerdict(t *testing.T, e proxies.Evidence, want verdict) {
	t.Helper()
	state, why := proxies.Evaluate(filterA, e)
	if diff := cmp.Diff(want, verdict{state, why}); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

func TestEvaluateAbsent(t *testing.T) {
	rejected := report(func(r *proxies.Report) { r.Rejected = 2 })
	notInserted := verdict{proxies.NotInserted, "has no HTTP listener that the filter's ports and context match"}
	hidden := verdict{proxies.Unknown, "shows none of the statistics that tell: its bootstrap hides them"}
	cases := map[string]struct {
		evidence proxies.Evidence
		want     verdict
	}{
		"refused": {
			proxies.Evidence{Report: rejected, Rejection: "Error adding/updating listener(s) virtualInbound:\n  bad"},
			verdict{proxies.Rejected, "refused its listeners: Error adding/updating listener(s) virtualInbound: bad"},
		},
		"refused, says the control plane alone": {
			proxies.Evidence{Rejection: "bad"},
			verdict{proxies.Rejected, "refused its listeners: bad"},
		},
		"shows nothing": {proxies.Evidence{Settled: true, Served: true}, hidden},
		"has only just been sent it": {
			proxies.Evidence{Report: rejected},
			verdict{proxies.Loading, "has not taken the filter yet"},
		},
		"has refused something": {
			proxies.Evidence{Report: rejected, Settled: true},
			verdict{proxies.Rejected, "does not have the filter, and has refused listeners since it started (2 updates): look for ACK ERROR in istiod's log"},
		},
		"has refused something once": {
			proxies.Evidence{Report: report(func(r *proxies.Report) { r.Rejected = 1 }), Settled: true},
			verdict{proxies.Rejected, "does not have the filter, and has refused listeners since it started (1 update): look for ACK ERROR in istiod's log"},
		},
		"has refused something before the last": {proxies.Evidence{Report: rejected, Settled: true, Accepted: true}, notInserted},
		"has no listener for it":                {proxies.Evidence{Report: has(0), Settled: true}, notInserted},
		"has another revision":                  {proxies.Evidence{Report: has(4, render.Plugin{VM: filterA.VM, Revision: "00000000"}), Settled: true, Served: true}, notInserted},
		"ran before":                            {proxies.Evidence{Report: has(0), Settled: true, Confirmed: true}, notInserted},
		"is too old": {
			proxies.Evidence{Report: has(4), Settled: true, Served: true},
			verdict{proxies.Unknown, "runs modules but does not name them: Envoy does since 1.33"},
		},
		"hides what is Wasm": {
			proxies.Evidence{Report: has(0), Settled: true, Served: true},
			verdict{proxies.Unknown, "has loaded the module but shows no statistics of modules: its bootstrap hides them"},
		},
		"had the module, in a former listener": {
			proxies.Evidence{Report: report(func(r *proxies.Report) { r.FetchSuccesses = 1 }), Settled: true, Served: true},
			notInserted,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { expectVerdict(t, c.evidence, c.want) })
	}
}

// What others wrote is one line of bounded length.
func TestEvaluateShortensRejections(t *testing.T) {
	const prefix = "refused its listeners: "
	cases := map[string]struct{ rejection, want string }{
		"as long as may be":   {strings.Repeat("a", 300), strings.Repeat("a", 300)},
		"too long":            {strings.Repeat("a", 301), strings.Repeat("a", 297) + "…"},
		"too long, not ASCII": {"a" + strings.Repeat("é", 300), "a" + strings.Repeat("é", 148) + "…"},
		"no text":             {"a\xff\xfeb", "a?b"},
		"several lines, tabs": {" a\n\tb\r\n c ", "a b c"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, why := proxies.Evaluate(filterA, proxies.Evidence{Rejection: c.rejection})
			if diff := cmp.Diff(prefix+c.want, why); diff != "" || !utf8.ValidString(why) {
				t.Errorf("why (-want +got):\n%s", diff)
			}
		})
	}
}
