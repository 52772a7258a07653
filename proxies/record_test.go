// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func TestSinceWhen(t *testing.T) {
	for name, tt := range map[string]struct{ since, want time.Time }{
		"not known": {time.Time{}, testTime},
		"before":    {testTime.Add(-time.Hour), testTime.Add(-time.Hour)},
		"later":     {testTime.Add(time.Hour), testTime},
	} {
		if got := newRecord(target{since: tt.since}, nil, testTime).since; !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestOlder(t *testing.T) {
	now := testTime.Add(time.Hour)
	r := &record{since: now.Add(-10 * time.Second)}
	tests := []struct {
		than, running time.Duration
		want          bool
	}{
		{10 * time.Second, time.Hour, true},
		{10*time.Second + 1, time.Hour, false},
		{10 * time.Second, 10 * time.Second, true},
		{10 * time.Second, 10*time.Second - 1, false},
		{0, -time.Hour, false}, // by the clock of its node
	}
	for _, tt := range tests {
		if got := r.older(tt.than, now.Add(-tt.running), now); got != tt.want {
			t.Errorf("a proxy of %s, than %s: %v", tt.running, tt.than, got)
		}
	}
}

// evaluated is the record after a scrape that showed the filter running in some proxies.
func (r *record) evaluated(running ...instance) *record {
	e := evaluation{record: r, histories: newHistories(time.Now), observation: observation{at: testTime, proxies: map[instance]proxyRecord{}}}
	for _, i := range running {
		e.add(proxy{instance: i}, scraped{Report: runs(r.target.plugin).Report})
	}
	next, _ := r.update(e.observation, time.Minute)
	return next
}

func TestConfirm(t *testing.T) {
	a, b := instance{uid: "a"}, instance{uid: "b"}
	again := instance{uid: "a", restarts: 1}
	r := newRecord(inCluster().target(t), nil, testTime)
	for i, step := range []struct {
		running   []instance
		all       bool
		confirmed []instance
	}{
		{nil, true, nil},
		{[]instance{a}, false, nil},
		{[]instance{a}, true, []instance{a}},
		{[]instance{a, b}, false, []instance{a}},
		{[]instance{b, a}, true, []instance{a, b}},
		{[]instance{b}, true, []instance{b}},         // a does not run it any more
		{[]instance{a, b}, false, []instance{b}},     // and begins again
		{[]instance{again, b}, false, []instance{b}}, // as does one that restarts
		{[]instance{again, b}, true, []instance{again, b}},
		{nil, true, nil},
	} {
		r = r.evaluated(step.running...)
		if r.confirmed != step.all {
			t.Errorf("step %d: all confirmed: %v", i, r.confirmed)
		}
		var confirmed []instance
		for _, instance := range []instance{a, again, b} {
			if r.isConfirmed(instance) {
				confirmed = append(confirmed, instance)
			}
		}
		if diff := cmp.Diff(step.confirmed, confirmed, cmp.AllowUnexported(instance{})); diff != "" || len(r.proxies) != len(step.running) {
			t.Errorf("step %d: %d remembered, confirmed (-want +got):\n%s", i, len(r.proxies), diff)
		}
	}
}

// TestFailedRevisionsAreBounded: of a filter that is tried again and again the last revisions are known.
func TestFailedRevisionsAreBounded(t *testing.T) {
	var p proxyRecord
	for i := range 2 * maxFailedRevisions {
		p.failedRevisions = p.failed(fmt.Sprint(i))
	}
	first := p
	p.failedRevisions = p.failed(fmt.Sprint(2*maxFailedRevisions - 1)) // which is known
	if got := p.failedRevisions; len(got) != maxFailedRevisions || got[maxFailedRevisions-1] != fmt.Sprint(2*maxFailedRevisions-1) {
		t.Errorf("failed revisions %v", got)
	}
	p.failedRevisions = p.failed("another")
	if first.failedRevisions[0] != fmt.Sprint(maxFailedRevisions) {
		t.Errorf("the record before was changed: %v", first.failedRevisions)
	}
}

// TestWhatIsKeptOfTheTargetBefore: the revisions that do not start, until their listeners are drained, and the
// backoff of reloads, until the next generation.
func TestWhatIsKeptOfTheTargetBefore(t *testing.T) {
	a, b := instance{uid: "a"}, instance{uid: "b"}
	failed := Snapshot{Selected: 1, states: map[State]int32{StartFailed: 1}}
	before := newRecord(inCluster().target(t), nil, testTime)
	before.proxies = map[instance]proxyRecord{a: {running: 2, state: StartFailed, failedRevisions: []string{"1"}}, b: {running: 2}}
	before.reload = backoff{delay: time.Minute, next: testTime.Add(time.Minute)}
	kept := map[instance]proxyRecord{a: {failedRevisions: []string{"1"}}}
	for name, tt := range map[string]struct {
		before  *record
		after   time.Duration
		edit    func(*applied)
		proxies map[instance]proxyRecord
		reload  time.Duration // the delay
	}{
		"soon":                         {before, drainTime - 1, withPlugin(plugin2), kept, time.Minute},
		"when it is drained":           {before, drainTime, withPlugin(plugin2), nil, time.Minute},
		"while it was in force still":  {with(before, failed), time.Hour, withPlugin(plugin2), kept, time.Minute},
		"after a failure in between":   {with(before, failed).suspend(), time.Hour, withPlugin(plugin2), kept, time.Minute},
		"of another generation":        {before, time.Second, secondGeneration, kept, 0},
		"after a reload":               {before, time.Second, reloaded(1), kept, 2 * time.Minute},
		"of nothing that was observed": {nil, time.Second, withPlugin(plugin2), nil, 0},
	} {
		got := newRecord(inCluster(tt.edit).target(t), tt.before, testTime.Add(tt.after))
		if diff := cmp.Diff(tt.proxies, got.proxies, cmp.AllowUnexported(instance{}, proxyRecord{}, traps{})); diff != "" {
			t.Errorf("%s: proxies (-want +got):\n%s", name, diff)
		}
		if got.reload.delay != tt.reload || got.observed || got.suspended {
			t.Errorf("%s: %+v, want a delay of %s", name, got, tt.reload)
		}
	}
}

func with(r *record, s Snapshot) *record {
	next := *r
	next.snapshot = s
	return &next
}

// TestTargetsThatAreOthers: nothing that was observed of one holds for another.
func TestTargetsThatAreOthers(t *testing.T) {
	tests := map[string]struct {
		edit func(*applied)
		same bool
	}{
		"the same":                {func(*applied) {}, true},
		"another status":          {notRunning, true},
		"another AutoWasm":        {func(a *applied) { a.aw.UID = "uid-2" }, false},
		"another generation":      {ofGeneration(2), false},
		"another EnvoyFilter":     {func(a *applied) { a.ef.SetUID(types.UID("ef-2")) }, false},
		"an EnvoyFilter changed":  {envoyFilterGeneration(2), false},
		"another plugin":          {withPlugin(plugin2), false},
		"one of another name":     {named("other"), false},
		"one that is not applied": {notApplied, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, r *running) {
				r.run("a", "10.0.0.1", runs(plugin1))
				r.put(inCluster())
				pass(confirmAfter)
				other := inCluster(tt.edit)
				known := r.put(other) != ""
				pass(0)
				if name == "one that is not applied" {
					known = r.put(inCluster()) != ""
				}
				if known != tt.same {
					t.Errorf("known: %v", known)
				}
			})
		})
	}
}
