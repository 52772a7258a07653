package controller

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

// observing is a watcher of one Pod, a at 10.0.0.1, whose proxy runs since testTime, an
// hour after that.
func observing(says answer, edits ...func(*fakeMesh)) (*proxyWatcher, proxyTarget) {
	m := &fakeMesh{answers: map[string]answer{"10.0.0.1": says}}
	m.pods = append(m.pods, sidecarPod("a", "10.0.0.1"))
	for _, edit := range edits {
		edit(m)
	}
	o := &ProxyOptions{Asker: m, Sightings: m, Refusals: m}
	now := func() time.Time { return testTime.Add(time.Hour) }
	target := selecting(running1, func(t *proxyTarget) { t.since = testTime })
	w := newProxyWatcher(o.withDefaults(), m, nil, now)
	w.queue.ShutDown()
	w.begin(target)
	return w, target
}

func seenAt(asked, served time.Duration) func(*fakeMesh) {
	return func(m *fakeMesh) {
		s := peer.Access{RequestedAt: testTime.Add(asked)}
		if served != 0 {
			s.ServedAt = testTime.Add(served)
		}
		m.sightings = map[string]peer.Access{"10.0.0.1": s, "10.0.0.77": {RequestedAt: testTime.Add(time.Hour)}}
	}
}

func refused(pod, why string) func(*fakeMesh) {
	return func(m *fakeMesh) { m.refusals = map[string]string{pod: why} }
}

// startedAgo has the proxy start some time before it is looked at.
func startedAgo(ago time.Duration) func(*fakeMesh) {
	return func(m *fakeMesh) {
		m.pods[0].Status.ContainerStatuses[1].State = runningSince(testTime.Add(time.Hour - ago))
	}
}

// TestEvidence: what is known beside a proxy's answer, by the state that it leads to.
func TestEvidence(t *testing.T) {
	broken := func(m *fakeMesh) { m.brokenErr = errors.New("not all of them answer") }
	rejected := answer{Report: proxies.Report{Workers: 2, Rejected: 1}}
	failedOnce := gaveUp(plugin1)
	tests := map[string]struct {
		says  answer
		edits []func(*fakeMesh)
		want  proxies.State
	}{
		"it runs":                                   {runs(plugin1), nil, proxies.Running},
		"it runs another revision":                  {runs(plugin2), nil, proxies.NotInserted},
		"it gave up":                                {failedOnce, nil, proxies.LoadFailed},
		"it was served the module":                  {failedOnce, []func(*fakeMesh){seenAt(time.Minute, time.Minute)}, proxies.StartFailed},
		"served as it started":                      {failedOnce, []func(*fakeMesh){func(m *fakeMesh) { m.sightings = map[string]peer.Access{"10.0.0.1": {ServedAt: testTime}} }}, proxies.StartFailed},
		"another was served at its address before":  {failedOnce, []func(*fakeMesh){seenAt(time.Minute, -time.Minute)}, proxies.LoadFailed},
		"it asked and was not served":               {failedOnce, []func(*fakeMesh){seenAt(time.Minute, 0)}, proxies.LoadFailed},
		"not all replicas say whom they served":     {failedOnce, []func(*fakeMesh){seenAt(time.Minute, time.Minute), broken}, proxies.StartFailed},
		"istiod says that it refused":               {without, []func(*fakeMesh){refused("shop/a", "bad")}, proxies.Refused},
		"istiod says that another refused":          {without, []func(*fakeMesh){refused("shop/b", "bad")}, proxies.NotInserted},
		"it says itself that it refused":            {rejected, nil, proxies.Refused},
		"but istiod says that it took the last one": {rejected, []func(*fakeMesh){refused("shop/a", "")}, proxies.NotInserted},
		"istiod says half of it":                    {without, []func(*fakeMesh){refused("shop/a", "bad"), broken}, proxies.Refused},
		"it has just started, without":              {without, []func(*fakeMesh){startedAgo(settleTime - 1)}, proxies.Loading},
		"it has started a while ago, without":       {without, []func(*fakeMesh){startedAgo(settleTime)}, proxies.NotInserted},
		"it waits":                                  {waitsFor(plugin1), []func(*fakeMesh){startedAgo(loadTime - 1)}, proxies.Loading},
		"it waits for long":                         {waitsFor(plugin1), []func(*fakeMesh){startedAgo(loadTime)}, proxies.LoadFailing},
		"it waits, though served: for another load": {warms(plugin1), []func(*fakeMesh){seenAt(0, time.Hour-loadTime+1)}, proxies.Loading},
		"it was served, and waits for something":    {warms(plugin1), []func(*fakeMesh){seenAt(0, time.Hour-loadTime)}, proxies.Running},
		"it drains":                                 {drains(plugin1), []func(*fakeMesh){startedAgo(drainTime - 1)}, proxies.Loading},
		"it drains for long":                        {drains(plugin1), []func(*fakeMesh){startedAgo(drainTime)}, proxies.Running},
		"it starts, silent":                         {silent(errSilent), []func(*fakeMesh){startedAgo(loadTime - 1)}, proxies.Loading},
		"it is silent for long":                     {silent(errSilent), []func(*fakeMesh){startedAgo(loadTime)}, proxies.Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, target := observing(tt.says, tt.edits...)
			s, err := w.observe(t.Context(), target)
			want := map[proxies.State]int32{tt.want: 1}
			running := map[bool]int{true: 1}[tt.want == proxies.Running]
			if running == 1 {
				want = nil
			}
			if diff := cmp.Diff(want, s.view.states); diff != "" || err != nil {
				t.Errorf("error %v, states (-want +got):\n%s", err, diff)
			}
			if len(s.running) != running || s.view.running != int32(running) || s.view.selected != 1 {
				t.Errorf("running %v, view %+v", s.running, s.view)
			}
		})
	}
}

// drains is a proxy that runs another filter as well, and has listeners of before: the
// machines may be those of the other filter, twice.
func drains(p render.Plugin) answer {
	a := runs(p)
	a.Filters = append(a.Filters, proxies.Filter{Owner: "autowasm_shop_other", VM: "33333333", Revision: "cccccccc"})
	a.VMs, a.Draining = 8, 1
	return a
}

// warms is a proxy that seems to run a filter, and has a listener that waits.
func warms(p render.Plugin) answer {
	a := runs(p)
	a.Warming = 1
	return a
}

// TestRefusedForAMoment: what a proxy has just refused may look as if it ran, for one look. Nothing is told of that.
func TestRefusedForAMoment(t *testing.T) {
	doubtful := runs(plugin1)
	doubtful.Rejected = 1
	for name, tt := range map[string]struct {
		first, second answer
		doubt         bool
		running       int32
	}{
		"never refused anything": {runs(plugin1), runs(plugin1), false, 1},
		"refused before":         {doubtful, doubtful, true, 1},
		"refused it":             {doubtful, without, true, 0},
	} {
		w, target := observing(tt.first)
		for i, says := range []answer{tt.first, tt.second} {
			w.o.Asker.(*fakeMesh).answers["10.0.0.1"] = says
			s, err := w.observe(t.Context(), target)
			if err != nil || s.doubtful != (tt.doubt && i == 0) {
				t.Errorf("%s: look %d: doubtful %t, error %v", name, i, s.doubtful, err)
			}
			again, news := w.keep(target, s)
			known := w.watchOf(target)
			if known.seen == s.doubtful || news == s.doubtful && i == 0 || s.doubtful && again != firstAsk {
				t.Errorf("%s: look %d: seen %t, news %t, again in %s", name, i, known.seen, news, again)
			}
			if i == 1 && known.view.running != tt.running {
				t.Errorf("%s: view %+v", name, known.view)
			}
		}
	}
}

// TestRepaired: what a proxy drains of a revision that did not start is not held against the next one.
func TestRepaired(t *testing.T) {
	w, broken := observing(doesNotStart(plugin1), seenAt(time.Minute, time.Minute))
	look := func(target proxyTarget) proxies.State {
		s, err := w.observe(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		w.keep(target, s)
		for state := range s.view.states {
			return state
		}
		return proxies.Running
	}
	if got := look(broken); got != proxies.StartFailed {
		t.Errorf("the first is %s", got)
	}
	look(broken)
	repaired := runs(plugin2)
	repaired.Filters, repaired.Draining = append(repaired.Filters, filterOf(plugin1)), 1
	w.o.Asker.(*fakeMesh).answers["10.0.0.1"] = repaired
	target := selecting(running2, func(t *proxyTarget) { t.since, t.generation = testTime, 2 })
	w.begin(target)
	if got := look(target); got != proxies.Running {
		t.Errorf("the second is %s", got)
	}
	if diff := cmp.Diff([]string{plugin1.Revision}, slices.Collect(maps.Values(w.watchOf(target).broken))[0]); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
}

// TestAProxyThatFallsSilent: it may be compiling; what it said last holds, be it ever so long ago.
func TestAProxyThatFallsSilent(t *testing.T) {
	for name, tt := range map[string]struct {
		said answer
		want proxies.State
	}{
		"waiting":          {waitsFor(plugin1), proxies.LoadFailing},
		"after it gave up": {gaveUp(plugin1), proxies.LoadFailed},
		"not starting":     {doesNotStart(plugin1), proxies.StartFailed},
		"from the start":   {silent(errSilent), proxies.Unknown},
	} {
		w, target := observing(tt.said)
		for _, says := range []answer{tt.said, silent(errSilent), silent(errSilent)} {
			w.o.Asker.(*fakeMesh).answers["10.0.0.1"] = says
			s, err := w.observe(t.Context(), target)
			if diff := cmp.Diff(map[proxies.State]int32{tt.want: 1}, s.view.states); diff != "" || err != nil {
				t.Errorf("%s: error %v, states (-want +got):\n%s", name, err, diff)
			}
			w.keep(target, s)
		}
	}
}

// TestBrokenIsBounded: of a filter that is tried again and again the last revisions are known.
func TestBrokenIsBounded(t *testing.T) {
	a, b := proxyStart{uid: "a"}, proxyStart{uid: "b"}
	w := newProxyWatch(selecting(running1), testTime)
	first := *w
	for i := range 2 * maxBroken {
		w.target.plugin.Revision = fmt.Sprint(i)
		w.breaks([]proxyStart{a}, []proxyStart{a})
	}
	w.breaks([]proxyStart{a, b}, []proxyStart{a, b})
	if got := w.broken[a]; len(got) != maxBroken || got[maxBroken-1] != fmt.Sprint(2*maxBroken-1) || len(w.broken[b]) != 1 || first.broken != nil {
		t.Errorf("broken %v, in a copy of before %v", w.broken, first.broken)
	}
	soon, late := newProxyWatch(selecting(running2), testTime.Add(drainTime-1)), newProxyWatch(selecting(running2), testTime.Add(drainTime))
	if len(soon.after(w).broken) != 2 || late.after(w).broken != nil || soon.after(nil) != soon {
		t.Errorf("soon after %v, long after %v", soon.broken, late.broken)
	}
}

// TestRefusedAgainAndAgain: what it seems to run counts when it has refused nothing since the look before.
func TestRefusedAgainAndAgain(t *testing.T) {
	w, target := observing(without)
	for i, look := range []struct {
		rejected int64
		doubtful bool
	}{{1, true}, {2, true}, {3, true}, {3, false}, {4, false}} {
		says := runs(plugin1)
		says.Rejected = look.rejected
		w.o.Asker.(*fakeMesh).answers["10.0.0.1"] = says
		s, err := w.observe(t.Context(), target)
		if err != nil || s.doubtful != look.doubtful {
			t.Errorf("look %d: doubtful %t, error %v", i, s.doubtful, err)
		}
		w.keep(target, s)
	}
}

func TestRequests(t *testing.T) {
	tests := map[string]struct {
		edit func(*fakeMesh)
		want time.Time
	}{
		"none":                             {func(*fakeMesh) {}, time.Time{}},
		"of the proxy":                     {seenAt(time.Minute, 0), testTime.Add(time.Minute)},
		"of one at its address before":     {seenAt(-time.Minute, 0), time.Time{}},
		"of a proxy that is silent by now": {func(m *fakeMesh) { seenAt(time.Minute, 0)(m); m.answers = nil }, testTime.Add(time.Minute)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, target := observing(runs(plugin1), tt.edit)
			s, err := w.observe(t.Context(), target)
			requested := map[bool]int32{false: 1}[tt.want.IsZero()]
			if err != nil || s.view.requested != requested || !s.view.lastRequest.Equal(tt.want) {
				t.Errorf("error %v, view %+v", err, s.view)
			}
		})
	}
}

// istiod is asked only when a proxy lacks the filter.
func TestRefusalsAreAskedForWhenTheyMatter(t *testing.T) {
	tests := map[string]struct {
		says answer
		want int
	}{
		"it has the filter":   {waitsFor(plugin1), 0},
		"it does not start":   {doesNotStart(plugin1), 0},
		"it is silent":        {silent(errSilent), 0},
		"it lacks the filter": {without, 1},
		"it has a former one": {runs(plugin2), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var of *fakeMesh
			w, target := observing(tt.says, func(m *fakeMesh) { of = m })
			if _, err := w.observe(t.Context(), target); err != nil || of.controls != tt.want {
				t.Errorf("error %v, istiod was asked %d times, want %d", err, of.controls, tt.want)
			}
			w.o.Refusals = nil
			if _, err := w.observe(t.Context(), target); err != nil || of.controls != tt.want {
				t.Errorf("without istiod: error %v, asked %d times", err, of.controls)
			}
		})
	}
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
