// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/render"
)

// observation is what one scrape of all proxies of a target showed.
type observation struct {
	at       time.Time
	snapshot Snapshot
	proxies  map[instance]proxyRecord
	restarts map[types.UID]restart
	// repeat says that a proxy may not run what it seems to: another scrape must show it.
	repeat bool
	// first says that a proxy seems to run the filter, which none did before. Whether requests pass, another scrape shows: a
	// filter that traps on each has counted none in its first moment.
	first bool
	// draining says that a proxy has former listeners.
	draining bool
}

// confirmed reports whether all proxies that run the filter are confirmed to.
func (o observation) confirmed() bool {
	for _, p := range o.proxies {
		if p.running > 0 && p.running < confirmScrapes {
			return false
		}
	}
	return !o.repeat
}

// scraped is what scraping one proxy returned.
type scraped struct {
	Report
	err error
}

// observe scrapes every proxy that the target of a record selects.
func (r *Reconciler) observe(ctx context.Context, known *record) (observation, error) {
	selected, err := known.selected(ctx, r.cache)
	if err != nil || len(selected) == 0 {
		return observation{at: r.o.Now()}, err
	}
	scrapes := r.scrapeAll(ctx, known, selected)
	e := evaluation{
		record:      known,
		histories:   r.histories,
		accesses:    r.accesses(ctx, known),
		rejections:  r.rejections(ctx, known, scrapes),
		observation: observation{at: r.o.Now(), proxies: map[instance]proxyRecord{}, restarts: map[types.UID]restart{}},
	}
	for i, p := range selected {
		e.add(p, scrapes[i])
	}
	return e.observation, nil
}

// selected are the proxies that the target is for. One that does not run is, if it has ended because of the filter.
func (r *record) selected(ctx context.Context, cache client.Reader) ([]proxy, error) {
	all, err := r.target.list(ctx, cache)
	return slices.DeleteFunc(all, func(p proxy) bool {
		_, restarted := r.restartOf(p)
		return p.down && !restarted
	}), err
}

// errNotRunning is why a proxy is not scraped.
var errNotRunning = errors.New("it does not run")

// scrapeAll scrapes all proxies that run, at most MaxConcurrentScrapes at once of all AutoWasms. Neither the AutoWasms of
// one namespace nor Pods of one that do not answer take all places.
func (r *Reconciler) scrapeAll(ctx context.Context, known *record, selected []proxy) []scraped {
	maxAge := r.maxAge(known)
	scrapes := make([]scraped, len(selected))
	var running sync.WaitGroup
	defer running.Wait()
	for i, p := range selected {
		if p.down {
			scrapes[i].err = errNotRunning
			continue
		}
		release, err := r.scraping.Acquire(ctx, known.target.key.Namespace, p.pod.Namespace)
		if err != nil {
			scrapes[i].err = err
			continue
		}
		running.Go(func() {
			defer release()
			scrapes[i].Report, scrapes[i].err = r.o.Scraper.Scrape(ctx, p.ip, maxAge)
		})
	}
	return scrapes
}

// maxAge lets the AutoWasms of one proxy share its reports: for half of the time until the next scrape.
func (r *Reconciler) maxAge(known *record) time.Duration {
	if !known.observed || !known.confirmed || known.snapshot.trapped > 0 || known.snapshot.Failure(false) != nil {
		return firstScrape / 2
	}
	if known.draining {
		return min(drainScrape, r.o.Interval) / 2
	}
	return r.o.Interval / 2
}

// accesses are the known requests for the module. Without one, a module that does not start looks like an unloaded one.
func (r *Reconciler) accesses(ctx context.Context, known *record) map[string]peer.Access {
	accesses, err := r.o.Accesses.Collect(ctx, known.target.module)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("Not all replicas report who requested the module", "err", err.Error())
	}
	return accesses
}

// rejections queries istiod when a proxy lacks the filter. Without an answer, the proxy's own count has to do.
func (r *Reconciler) rejections(ctx context.Context, known *record, scrapes []scraped) map[string]string {
	wanted := known.target.plugin
	absent := func(s scraped) bool { return s.err == nil && !slices.Contains(s.Filters, wanted) }
	if r.o.SyncStatus == nil || !slices.ContainsFunc(scrapes, absent) {
		return nil
	}
	rejections, err := r.o.SyncStatus.Rejections(ctx)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("istiod does not report what proxies rejected", "err", err.Error())
	}
	return rejections
}

// evaluation turns scrapes into an observation.
type evaluation struct {
	observation
	record     *record
	histories  *histories
	accesses   map[string]peer.Access // by IP address
	rejections map[string]string      // by "<namespace>/<pod>"
}

// add evaluates one proxy.
func (e *evaluation) add(p proxy, s scraped) {
	access := e.accesses[p.ip]
	if !access.RequestedAt.IsZero() && !access.RequestedAt.Before(p.startedAt) { // else another proxy had the address
		e.snapshot.addRequest(access.RequestedAt)
	}
	if restart, ok := e.record.restartOf(p); ok {
		e.restarts[p.uid] = restart
	}
	switch {
	case p.down:
		e.count(p, proxyRecord{}, Restarting, "")
	case s.err != nil:
		e.addUnreachable(p, s.err)
	default:
		e.addReport(p, s.Report, access.ServedAt)
	}
}

func (e *evaluation) addReport(p proxy, r Report, servedAt time.Time) {
	before, wanted := e.record.proxies[p.instance], e.record.target.plugin
	e.draining = e.draining || r.Draining > 0
	loadsSince := p.startedAt
	if servedAt.After(loadsSince) { // it may have to load once more, for another listener
		loadsSince = servedAt
	}
	rejection, known := e.rejections[p.pod.String()]
	state, why := Evaluate(wanted, Evidence{
		Report:          r,
		Served:          !servedAt.Before(p.startedAt) && !servedAt.IsZero(),
		Confirmed:       e.record.isConfirmed(p.instance),
		Started:         e.histories.started(p.instance, r, wanted),
		FailedRevisions: before.failedRevisions,
		Settled:         e.record.older(settleTime, p.startedAt, e.at),
		Overdue:         e.record.older(loadTime, loadsSince, e.at),
		Drained:         e.record.older(drainTime, p.startedAt, e.at),
		Rejection:       rejection,
		Accepted:        known && rejection == "",
	})
	next, repeat := proxyRecord{state: state, failedRevisions: before.failedRevisions}, false
	switch state {
	case StartFailed:
		next.failedRevisions = before.failed(wanted.Revision)
	case Running:
		next, repeat = before.ran(e.record.isConfirmed(p.instance), r.Rejected)
		if next.running >= confirmScrapes {
			e.histories.ran(p.instance, wanted, e.record.since)
		}
	}
	next.traps = before.traps.observed(trapsIn(r, wanted), e.at.Sub(e.record.since) < trapWindow, e.at)
	if state == Running && before.running < confirmScrapes && next.traps.last.Equal(e.at) && !e.record.isConfirmed(p.instance) {
		// It has trapped since before it was known to run. Whether requests pass, another scrape shows.
		state, why, next.running = Trapping, next.traps.why(), 0
	}
	e.count(p, next, state, why)
	e.repeat = e.repeat || repeat
}

// trapsIn is how often a filter is known to have trapped. One that waits to be started again has, once at least.
func trapsIn(r Report, filter render.Plugin) int64 {
	if r.Restarts[filter] == 0 && r.Backoffs[filter] > 0 {
		return 1
	}
	return r.Restarts[filter]
}

// count adds a proxy that was evaluated. One that runs the filter may trap on requests, or restart again and again.
func (e *evaluation) count(p proxy, next proxyRecord, state State, why string) {
	if restart, ok := e.restarts[p.uid]; ok {
		e.snapshot.addRestart(p, restart, e.record.changed)
		if worse, reason, tells := restart.state(p, e.record.changed, e.at); tells {
			state, why = worse, reason
		}
	}
	if state == Running && next.traps.goOn(e.at) {
		state, why = Trapping, next.traps.why()
	}
	if state == Running && next.running < confirmScrapes && e.record.snapshot.Running == 0 && !e.record.isConfirmed(p.instance) {
		e.first = true
	}
	e.snapshot.add(p, state, why)
	e.snapshot.addTraps(p, next.traps, e.at)
	e.proxies[p.instance] = next
}

// addUnreachable evaluates a proxy that does not answer: it may be compiling. One that ran the filter still does; of
// one that did not, its last state holds; one that has just started will answer. Until Envoy has its first configuration,
// for which it waits for the module, it refuses connections.
func (e *evaluation) addUnreachable(p proxy, err error) {
	before := e.record.proxies[p.instance]
	state, next := Loading, proxyRecord{state: before.state, failedRevisions: before.failedRevisions}
	why := fmt.Sprintf("cannot be asked: %v", withoutSource(err))
	switch {
	case e.record.isConfirmed(p.instance):
		state = Running
		next, _ = before.ran(true, before.rejected)
	case before.state != "":
		state = before.state
	case !e.record.older(loadTime, p.startedAt, e.at):
	case errors.Is(err, syscall.ECONNREFUSED) && !p.ready:
		state, why = LoadFailing, "is not ready and refuses connections, as it does while it starts and waits for a module that it cannot load: "+
			"see whether it reaches the module server; it starts without the filter with failurePolicy FailOpen, or when the AutoWasm is deleted"
	default:
		state = Unknown
	}
	next.traps = before.traps
	e.count(p, next, state, why)
}

// withoutSource drops our own port from an error of the network: another one each time would be a change each time.
func withoutSource(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return err
	}
	return &net.OpError{Op: op.Op, Net: op.Net, Addr: op.Addr, Err: op.Err}
}
