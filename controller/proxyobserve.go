package controller

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/proxies"
)

// sight is what one look at the proxies of a target showed.
type sight struct {
	view    proxyView
	present []proxyStart
	running []proxyStart
	broken  []proxyStart // have it, and it does not start
	// last is what has become of the filter in the others.
	last map[proxyStart]proxies.State
	// rejected is how often those that seem to run it have refused listeners.
	rejected map[proxyStart]int64
	// doubtful says that a proxy of view may not run what it seems to: another look
	// tells.
	doubtful bool
}

// report is what one proxy answered.
type report struct {
	proxies.Report
	err error
}

// observe asks every proxy that a target selects.
func (w *proxyWatcher) observe(ctx context.Context, t proxyTarget) (sight, error) {
	selected, err := selectedProxies(ctx, w.pods, t)
	if err != nil || len(selected) == 0 {
		return sight{}, err
	}
	reports := w.askAll(ctx, selected, w.maxAge(t))
	o := observation{
		target: t, watch: w.watchOf(t), now: w.now(),
		sightings: w.sightings(ctx, t),
		refusals:  w.refusals(ctx, t, reports),
	}
	s := sight{view: proxyView{selected: int32(len(selected))}, last: map[proxyStart]proxies.State{}, rejected: map[proxyStart]int64{}}
	for i, p := range selected {
		s.present = append(s.present, p.start)
		o.judge(&s, p, reports[i])
	}
	return s, nil
}

// askAll asks all proxies, some at a time.
func (w *proxyWatcher) askAll(ctx context.Context, selected []proxy, maxAge time.Duration) []report {
	reports := make([]report, 0, len(selected))
	for some := range slices.Chunk(selected, askedAtOnce) {
		answers := make([]report, len(some))
		var asking sync.WaitGroup
		for i, p := range some {
			asking.Go(func() { answers[i].Report, answers[i].err = w.o.Asker.Ask(ctx, p.ip, maxAge) })
		}
		asking.Wait()
		reports = append(reports, answers...)
	}
	return reports
}

// maxAge lets the AutoWasms of one proxy share its answers: while one of them changes
// for a moment only, else for half of the time until it is asked again.
func (w *proxyWatcher) maxAge(t proxyTarget) time.Duration {
	known := w.watchOf(t)
	if !known.seen || !known.sure || known.view.failure(false) != nil {
		return firstAsk / 2
	}
	return w.o.Interval / 2
}

// watchOf is a copy of what is known of a target.
func (w *proxyWatcher) watchOf(t proxyTarget) proxyWatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.current(t); known != nil {
		return *known
	}
	return *newProxyWatch(t, w.now())
}

// sightings are those that are known. Those that are not make a module that does not
// start look like one that was not loaded.
func (w *proxyWatcher) sightings(ctx context.Context, t proxyTarget) map[string]peer.Access {
	seen, err := w.o.Sightings.Collect(ctx, t.module)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("not all replicas say who loaded a module", "autowasm", t.key, "error", err.Error())
	}
	return seen
}

// refusals asks istiod when a proxy does not have the filter. Without its answer a
// proxy's own count of refusals has to do.
func (w *proxyWatcher) refusals(ctx context.Context, t proxyTarget, reports []report) map[string]string {
	absent := func(r report) bool { return r.err == nil && !slices.Contains(r.Filters, filterOf(t.plugin)) }
	if w.o.Refusals == nil || !slices.ContainsFunc(reports, absent) {
		return nil
	}
	known, err := w.o.Refusals.Refusals(ctx)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("istiod does not say what proxies refused", "error", err.Error())
	}
	return known
}

// observation is what proxies are judged by.
type observation struct {
	target    proxyTarget
	watch     proxyWatch
	now       time.Time
	sightings map[string]peer.Access
	refusals  map[string]string
}

// judge says what has become of the filter in one proxy.
func (o observation) judge(s *sight, p proxy, r report) {
	seen := o.sightings[p.ip]
	if !seen.RequestedAt.IsZero() && !seen.RequestedAt.Before(p.start.at) { // else another had the address
		s.view.saw(seen.RequestedAt)
	}
	if r.err != nil {
		o.judgeSilent(s, p, r.err)
		return
	}
	refusal, known := o.refusals[p.pod.String()]
	state, why := proxies.Judge(filterOf(o.target.plugin), proxies.Evidence{
		Report:    r.Report,
		Served:    !seen.ServedAt.Before(p.start.at) && !seen.ServedAt.IsZero(),
		Confirmed: o.watch.confirmed(p.start),
		Broken:    o.watch.broken[p.start],
		Settled:   o.watch.older(settleTime, p.start.at, o.now),
		Overdue:   o.watch.older(loadTime, latest(p.start.at, seen.ServedAt), o.now),
		Drained:   o.watch.older(drainTime, p.start.at, o.now),
		Refusal:   refusal,
		Accepted:  known && refusal == "",
	})
	s.view.add(p, state, why)
	if state != proxies.Running {
		s.last[p.start] = state
	}
	switch state {
	case proxies.StartFailed:
		s.broken = append(s.broken, p.start)
	case proxies.Running:
		s.runs(o.watch, p.start, r.Rejected)
	}
}

// runs notes that a proxy seems to run the filter. For a moment it has statistics of what
// it has just refused, and it is sent that again and again: one that has ever refused
// anything must be looked at twice, and have refused nothing in between.
func (s *sight) runs(w proxyWatch, start proxyStart, rejected int64) {
	s.rejected[start] = rejected
	since := rejected - w.rejected[start]
	switch {
	case rejected == 0, w.confirmed(start), w.looks[start] > 0 && since == 0:
		s.running = append(s.running, start)
	case w.looks[start] > 0:
		s.doubtful = true // and looks begin anew
	default:
		s.running, s.doubtful = append(s.running, start), true
	}
}

// latest is when a proxy may last have begun to load: one that was served a module may
// have to load it once more, for another listener, and waits before it tries again.
func latest(started, served time.Time) time.Time {
	if served.After(started) {
		return served
	}
	return started
}

// judgeSilent judges a proxy that does not answer: it may be compiling. One that ran the
// filter does so still, and of one that did not, what it said last holds. One that has
// just started will answer.
func (o observation) judgeSilent(s *sight, p proxy, err error) {
	state := proxies.Loading
	last, answered := o.watch.last[p.start]
	switch {
	case o.watch.confirmed(p.start):
		state = proxies.Running
		s.running = append(s.running, p.start)
	case answered:
		state, s.last[p.start] = last, last
	case o.watch.older(loadTime, p.start.at, o.now):
		state = proxies.Unknown
	}
	s.view.add(p, state, fmt.Sprintf("cannot be asked: %v", withoutSource(err)))
}

// withoutSource drops our own port from an error of the network: it is another one each
// time, which is no news.
func withoutSource(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return err
	}
	return &net.OpError{Op: op.Op, Net: op.Net, Addr: op.Addr, Err: op.Err}
}
