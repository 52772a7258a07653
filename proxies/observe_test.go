// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/render"
)

// observing is a Reconciler over one Pod, a at 10.0.0.1, whose proxy runs since testTime, and the record of an
// EnvoyFilter that was written then; it is an hour later.
func observing(t *testing.T, says answer, edits ...func(*cluster)) (*Reconciler, *cluster, *record) {
	t.Helper()
	now := testTime.Add(time.Hour)
	target := inCluster(written(testTime), notRunning)
	c := &cluster{applied: map[types.NamespacedName]applied{testKey: target}, answers: map[string]answer{"10.0.0.1": says}}
	c.pods = append(c.pods, sidecarPod("a", "10.0.0.1"))
	for _, edit := range edits {
		edit(c)
	}
	r := NewReconciler(c, Options{Scraper: c, Accesses: c, SyncStatus: c, Now: func() time.Time { return now }})
	return r, c, newRecord(target.target(t), nil, now)
}

// observed is what a scrape shows, and the record after it.
func observed(t *testing.T, r *Reconciler, known *record) (observation, *record) {
	t.Helper()
	o, err := r.observe(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	next, _ := known.update(o, r.o.Interval)
	return o, next
}

func accessAt(requested, served time.Duration) func(*cluster) {
	return func(c *cluster) {
		a := peer.Access{RequestedAt: testTime.Add(requested)}
		if served != 0 {
			a.ServedAt = testTime.Add(served)
		}
		c.accesses = map[string]peer.Access{"10.0.0.1": a, "10.0.0.77": {RequestedAt: testTime.Add(time.Hour)}}
	}
}

func rejected(pod, why string) func(*cluster) {
	return func(c *cluster) { c.rejections = map[string]string{pod: why} }
}

// startedAgo has the proxy start some time before it is scraped.
func startedAgo(ago time.Duration) func(*cluster) {
	return func(c *cluster) {
		c.pods[0].Status.ContainerStatuses[1].State = runningSince(testTime.Add(time.Hour - ago))
	}
}

// TestEvidence: what is known beside a proxy's report, by the state that it leads to.
func TestEvidence(t *testing.T) {
	broken := func(c *cluster) { c.brokenErr = errors.New("not all of them answer") }
	servedAtStart := func(c *cluster) { c.accesses = map[string]peer.Access{"10.0.0.1": {ServedAt: testTime}} }
	rejectedOne := answer{Report: Report{Workers: 2, Rejected: 1}}
	failedOnce := gaveUp(plugin1)
	tests := map[string]struct {
		says  answer
		edits []func(*cluster)
		want  State
	}{
		"it runs":                                   {runs(plugin1), nil, Running},
		"it runs another revision":                  {runs(plugin2), nil, NotInserted},
		"it gave up":                                {failedOnce, nil, LoadFailed},
		"it was served the module":                  {failedOnce, []func(*cluster){accessAt(time.Minute, time.Minute)}, StartFailed},
		"served as it started":                      {failedOnce, []func(*cluster){servedAtStart}, StartFailed},
		"another was served at its address before":  {failedOnce, []func(*cluster){accessAt(time.Minute, -time.Minute)}, LoadFailed},
		"it requested and was not served":           {failedOnce, []func(*cluster){accessAt(time.Minute, 0)}, LoadFailed},
		"not all replicas report whom they served":  {failedOnce, []func(*cluster){accessAt(time.Minute, time.Minute), broken}, StartFailed},
		"istiod reports that it rejected":           {withoutFilter, []func(*cluster){rejected("shop/a", "bad")}, Rejected},
		"istiod reports that another rejected":      {withoutFilter, []func(*cluster){rejected("shop/b", "bad")}, NotInserted},
		"it shows itself that it rejected":          {rejectedOne, nil, Rejected},
		"but istiod reports that it took the last":  {rejectedOne, []func(*cluster){rejected("shop/a", "")}, NotInserted},
		"istiod reports half of it":                 {withoutFilter, []func(*cluster){rejected("shop/a", "bad"), broken}, Rejected},
		"it has just started, without":              {withoutFilter, []func(*cluster){startedAgo(settleTime - 1)}, Loading},
		"it has started a while ago, without":       {withoutFilter, []func(*cluster){startedAgo(settleTime)}, NotInserted},
		"it waits":                                  {waitsFor(plugin1), []func(*cluster){startedAgo(loadTime - 1)}, Loading},
		"it waits for long":                         {waitsFor(plugin1), []func(*cluster){startedAgo(loadTime)}, LoadFailing},
		"it waits, though served: for another load": {warms(plugin1), []func(*cluster){accessAt(0, time.Hour-loadTime+1)}, Loading},
		"it was served, and waits for something":    {warms(plugin1), []func(*cluster){accessAt(0, time.Hour-loadTime)}, Running},
		"it drains":                                 {drains(plugin1), []func(*cluster){startedAgo(drainTime - 1)}, Loading},
		"it drains for long":                        {drains(plugin1), []func(*cluster){startedAgo(drainTime)}, Running},
		"it starts, unreachable":                    {unreachable(errUnreachable), []func(*cluster){startedAgo(loadTime - 1)}, Loading},
		"it is unreachable for long":                {unreachable(errUnreachable), []func(*cluster){startedAgo(loadTime)}, Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, _, known := observing(t, tt.says, tt.edits...)
			o, next := observed(t, r, known)
			want, running := map[State]int32{tt.want: 1}, int32(0)
			if tt.want == Running {
				want, running = nil, 1
			}
			if diff := cmp.Diff(want, o.snapshot.states); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			if s := o.snapshot; s.Running != running || s.Selected != 1 {
				t.Errorf("snapshot %+v", s)
			}
			for _, p := range next.proxies {
				if p.running != int(running) {
					t.Errorf("record %+v", p)
				}
			}
		})
	}
}

// drains is a proxy that runs another filter as well, and has listeners of before: the machines may be those of the
// other filter, twice.
func drains(p render.Plugin) answer {
	a := runs(p)
	a.Filters = append(a.Filters, render.Plugin{Owner: "autowasm_shop_other", VM: "33333333", Revision: "cccccccc"})
	a.VMs, a.Draining = 8, 1
	return a
}

// warms is a proxy that seems to run a filter, and has a listener that waits.
func warms(p render.Plugin) answer {
	a := runs(p)
	a.Warming = 1
	return a
}

// TestRejectedForAMoment: what a proxy has just rejected may seem to run, for one scrape. That is not reported.
func TestRejectedForAMoment(t *testing.T) {
	doubtful := runs(plugin1)
	doubtful.Rejected = 1
	for name, tt := range map[string]struct {
		first, second answer
		repeat        bool
		running       int32
	}{
		"never rejected anything": {runs(plugin1), runs(plugin1), false, 1},
		"rejected before":         {doubtful, doubtful, true, 1},
		"rejected it":             {doubtful, withoutFilter, true, 0},
	} {
		r, c, known := observing(t, tt.first)
		for i, says := range []answer{tt.first, tt.second} {
			c.answer("10.0.0.1", says)
			o, err := r.observe(t.Context(), known)
			if err != nil || o.repeat != (tt.repeat && i == 0) {
				t.Errorf("%s: scrape %d: repeat %t, error %v", name, i, o.repeat, err)
			}
			next, changed := known.update(o, r.o.Interval)
			again := confirmAfter // for what traps on each request
			if o.repeat {
				again = firstScrape
			}
			if next.observed != (i == 1) || changed != (i == 1) || i == 0 && next.next.Sub(o.at) != again {
				t.Errorf("%s: scrape %d: observed %t, changed %t, next at %s", name, i, next.observed, changed, next.next)
			}
			if i == 1 && next.snapshot.Running != tt.running {
				t.Errorf("%s: snapshot %+v", name, next.snapshot)
			}
			known = next
		}
	}
}

// TestRejectedAgainAndAgain: what it seems to run counts when it has rejected nothing since the scrape before.
func TestRejectedAgainAndAgain(t *testing.T) {
	r, c, known := observing(t, withoutFilter)
	for i, step := range []struct {
		rejected int64
		repeat   bool
	}{{1, true}, {2, true}, {2, true}, {3, true}, {4, true}, {4, false}, {5, false}} { // which is confirmed by then
		says := runs(plugin1)
		says.Rejected = step.rejected
		c.answer("10.0.0.1", says)
		var o observation
		if o, known = observed(t, r, known); o.repeat != step.repeat {
			t.Errorf("scrape %d: repeat %t", i, o.repeat)
		}
	}
}

// TestRepaired: what a proxy drains of a revision that did not start is not held against the next one.
func TestRepaired(t *testing.T) {
	r, c, broken := observing(t, doesNotStart(plugin1), accessAt(time.Minute, time.Minute))
	for range 2 {
		var o observation
		if o, broken = observed(t, r, broken); o.snapshot.states[StartFailed] != 1 {
			t.Errorf("the first is %v", o.snapshot.states)
		}
	}
	repaired := runs(plugin2)
	repaired.Filters, repaired.Draining = append(repaired.Filters, shown(plugin1)), 1
	c.answer("10.0.0.1", repaired)
	next := newRecord(inCluster(written(testTime), notRunning, secondGeneration).target(t), broken, r.o.Now())
	o, next := observed(t, r, next)
	if o.snapshot.Running != 1 {
		t.Errorf("the second is %v", o.snapshot.states)
	}
	for _, p := range next.proxies {
		if diff := cmp.Diff([]string{plugin1.Revision}, p.failedRevisions); diff != "" {
			t.Errorf("failed revisions (-want +got):\n%s", diff)
		}
	}
}

// TestAProxyThatBecomesUnreachable: it may be compiling; its last state holds, be it ever so long ago.
func TestAProxyThatBecomesUnreachable(t *testing.T) {
	for name, tt := range map[string]struct {
		said answer
		want State
	}{
		"waiting":          {waitsFor(plugin1), LoadFailing},
		"after it gave up": {gaveUp(plugin1), LoadFailed},
		"not starting":     {doesNotStart(plugin1), StartFailed},
		"from the start":   {unreachable(errUnreachable), Unknown},
		"running once":     {runs(plugin1), ""},
	} {
		r, c, known := observing(t, tt.said)
		for i, says := range []answer{tt.said, unreachable(errUnreachable), unreachable(errUnreachable)} {
			c.answer("10.0.0.1", says)
			var o observation
			o, known = observed(t, r, known)
			want := map[State]int32{tt.want: 1}
			if tt.want == "" && i == 0 {
				want = nil
			} else if tt.want == "" { // which is too little to be confirmed
				want = map[State]int32{Unknown: 1}
			}
			if diff := cmp.Diff(want, o.snapshot.states); diff != "" {
				t.Errorf("%s: states (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	tests := map[string]struct {
		edit func(*cluster)
		want time.Time
	}{
		"none":                           {func(*cluster) {}, time.Time{}},
		"of the proxy":                   {accessAt(time.Minute, 0), testTime.Add(time.Minute)},
		"of one at its address before":   {accessAt(-time.Minute, 0), time.Time{}},
		"of a proxy that is unreachable": {func(c *cluster) { accessAt(time.Minute, 0)(c); c.answers = nil }, testTime.Add(time.Minute)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, _, known := observing(t, runs(plugin1), tt.edit)
			o, _ := observed(t, r, known)
			requested := map[bool]int32{false: 1}[tt.want.IsZero()]
			if o.snapshot.Requested != requested || !o.snapshot.LastRequest.Equal(tt.want) {
				t.Errorf("snapshot %+v", o.snapshot)
			}
		})
	}
}

// istiod is called only when a proxy lacks the filter.
func TestRejectionsAreReadWhenTheyMatter(t *testing.T) {
	tests := map[string]struct {
		says answer
		want int
	}{
		"it has the filter":   {waitsFor(plugin1), 0},
		"it does not start":   {doesNotStart(plugin1), 0},
		"it is unreachable":   {unreachable(errUnreachable), 0},
		"it lacks the filter": {withoutFilter, 1},
		"it has a former one": {runs(plugin2), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, c, known := observing(t, tt.says)
			if observed(t, r, known); c.istiodCalls != tt.want {
				t.Errorf("istiod was called %d times, want %d", c.istiodCalls, tt.want)
			}
			r.o.SyncStatus = nil
			if observed(t, r, known); c.istiodCalls != tt.want {
				t.Errorf("without istiod: called %d times", c.istiodCalls)
			}
		})
	}
}

// Not all proxies are scraped at once, and who waits may be canceled.
func TestScrapesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, known := observing(t, runs(plugin1).after(time.Second), func(c *cluster) {
			for _, ip := range []string{"10.0.0.2", "10.0.0.3"} {
				c.pods = append(c.pods, sidecarPod("b"+ip, ip))
				c.answers[ip] = runs(plugin1).after(time.Second)
			}
		})
		r = NewReconciler(c, Options{Scraper: c, Accesses: c, MaxConcurrentScrapes: 1, Now: r.o.Now})
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		o, err := r.observe(ctx, known)
		if scrapes := c.scraped(); err != nil || c.mostOnce != 1 || len(scrapes) != 2 || o.snapshot.Running != 1 || c.atOnce != 0 {
			t.Errorf("%d scrapes, %d at once: %+v, %v", len(scrapes), c.mostOnce, o.snapshot, err)
		}
		if o, err := r.observe(t.Context(), known); err != nil || c.mostOnce != 1 || o.snapshot.Running != 3 {
			t.Errorf("%d at once: %+v, %v", c.mostOnce, o.snapshot, err)
		}
	})
}

func TestWithoutSource(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 15090}
	plain := errors.New("it answered 503")
	for want, err := range map[string]error{
		"it answered 503":                          plain,
		"dial tcp 10.0.0.1:15090: it answered 503": &net.OpError{Op: "dial", Net: "tcp", Addr: addr, Err: plain},
		"read tcp 10.0.0.1:15090: it answered 503": &net.OpError{Op: "read", Net: "tcp", Addr: addr, Source: addr, Err: plain},
	} {
		if got := withoutSource(err).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
