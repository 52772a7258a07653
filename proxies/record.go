// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// How long things take.
const (
	// settleTime is how long istiod gathers changes at most before it sends them: PILOT_DEBOUNCE_MAX's default.
	settleTime = 10 * time.Second
	// loadTime is how long a load may take before it counts as failing: that of one attempt of a proxy.
	loadTime = render.DefaultTimeout
	// drainTime is how long a proxy keeps replaced listeners: Istio's drainDuration, by default 45 seconds, and more.
	drainTime = time.Minute
)

// When proxies are scraped again.
const (
	// firstScrape is the delay after a change. It grows with the age of the change, to loadScrape while proxies load,
	// which must show soon when it is over, and to lastScrape once it takes long or fails.
	firstScrape = 500 * time.Millisecond
	loadScrape  = 1500 * time.Millisecond
	lastScrape  = 10 * time.Second
	// silentScrape is the longest delay while proxies may compile the module, for compileTime at most: they do not answer
	// meanwhile, and are well as soon as they do. 24 MB take a processor 18 seconds, and a tenth of one three minutes.
	silentScrape = 5 * time.Second
	compileTime  = 5 * time.Minute
	// confirmAfter is the delay after a proxy was first found to run the filter.
	confirmAfter = 2 * time.Second
	// drainScrape is the delay while former listeners drain, for drainScrapes at most. By what a proxy had when they were
	// gone, it is known soon whether the next filter that comes has started; see history.
	drainScrape  = 5 * time.Second
	drainScrapes = 2 * drainTime
)

// How soon proxies that gave up are made to load the module again, after they were made to before. Every reload
// disturbs those that run well a little: they take the same filter under another name.
const (
	firstReload = 20 * time.Second
	lastReload  = 10 * time.Minute
)

// confirmScrapes is how many scrapes in a row must show that a proxy runs the filter before that is taken for
// granted: whether it still does no longer shows once another filter fails in the same proxy. One is not enough,
// since the virtual machines of a module that is about to fail are there for a moment.
const confirmScrapes = 2

// maxFailedRevisions bounds how many revisions of a filter are known not to start in a proxy.
const maxFailedRevisions = 8

// record is what is known of the proxies of one AutoWasm. It is not changed once it is made, but replaced.
type record struct {
	target target
	// suspended says that the target is not in force at present.
	suspended bool
	// since is when the proxies could first know of the target.
	since time.Time
	// changed is when the filter was changed.
	changed time.Time
	// proxies are those that were there at the last scrape.
	proxies map[instance]proxyRecord
	// restarts are those of the Pods that were there at the last scrape, and of whose proxies one ended soon after a change.
	restarts map[types.UID]restart
	// snapshot is void until the target was observed.
	snapshot Snapshot
	observed bool
	// confirmed says that all proxies that run the filter are confirmed to.
	confirmed bool
	// draining says that a proxy has former listeners, since not long ago.
	draining bool
	reload   backoff
	// next is when the proxies are scraped again.
	next time.Time
}

// proxyRecord is what is known of one proxy.
type proxyRecord struct {
	// running counts the scrapes in a row that showed the filter running, up to confirmScrapes.
	running int
	// rejected is how many updates of listeners the proxy had rejected at the last of them.
	rejected int64
	// state is what had become of the filter when the proxy last answered; "" when it never has, or ran the filter.
	state State
	// traps are those of this filter.
	traps traps
	// failedRevisions are those, present and former, that do not start: the proxy has them until their listeners drain.
	failedRevisions []string
}

// newRecord begins a target where before, which may be nil, is what was known of the one that it replaces.
func newRecord(t target, before *record, now time.Time) *record {
	r := &record{target: t, since: t.since}
	if r.since.IsZero() || r.since.After(now) {
		r.since = now
	}
	if r.changed = t.written; r.changed.IsZero() || r.changed.After(now) {
		r.changed = r.since
	}
	if before == nil {
		return r
	}
	if r.restarts = before.formerRestarts(); before.target.targetID == t.targetID { // it was not in force for a while
		r.restarts = before.restarts
	}
	if before.target.generation == t.generation { // another generation may do better
		r.reload = before.reload
		if t.reloads > before.target.reloads {
			r.reload = before.reload.after(now)
		}
	}
	if before.snapshot.states[StartFailed] > 0 || r.since.Sub(before.since) < drainTime {
		r.proxies = before.failedProxies()
	}
	return r
}

// failedProxies are the records of proxies in which revisions do not start, with nothing but these.
func (r *record) failedProxies() map[instance]proxyRecord {
	kept := map[instance]proxyRecord{}
	for i, p := range r.proxies {
		if len(p.failedRevisions) > 0 {
			kept[i] = proxyRecord{failedRevisions: p.failedRevisions}
		}
	}
	return kept
}

// suspend returns the record of a target that is not in force at present.
func (r *record) suspend() *record {
	next := *r
	next.suspended = true
	return &next
}

// follows reports whether r is the record of a target that is in force.
func (r *record) follows(id targetID) bool {
	return r != nil && !r.suspended && r.target.targetID == id
}

// reloadDue reports whether proxies will not load the module by themselves, and should be made to.
func (r *record) reloadDue(now time.Time) bool {
	return r.snapshot.states[LoadFailed] > 0 && r.reload.due(now)
}

// older reports whether a proxy that started at a time has had the target, or could have, for some time.
func (r *record) older(than time.Duration, start, now time.Time) bool {
	return now.Sub(r.since) >= than && now.Sub(start) >= than
}

// isConfirmed reports whether a proxy is known to run the target, whatever it shows now. Times are in whole seconds: a
// proxy that started in the very second since when all ran it was one of them, or the status would not have stayed so.
func (r *record) isConfirmed(i instance) bool {
	ran := r.target.ranSince
	return r.proxies[i].running >= confirmScrapes || !ran.IsZero() && !i.startedAt.After(ran)
}

// update returns the record after a scrape of all proxies, and whether that is a change that is worth a report.
func (r *record) update(o observation, interval time.Duration) (next *record, changed bool) {
	next = new(*r)
	next.proxies, next.restarts, next.confirmed = o.proxies, o.restarts, o.confirmed()
	next.draining = o.draining && o.at.Sub(r.since) < drainScrapes
	if o.repeat {
		next.next = o.at.Add(min(firstScrape, interval))
		return next, false
	}
	if o.first {
		next.next = o.at.Add(min(confirmAfter, interval))
		return next, false
	}
	next.snapshot, next.observed = o.snapshot, true
	changed = !r.observed || !r.snapshot.same(o.snapshot) || next.reloadDue(o.at)
	if !changed { // else small steps of LastRequest would add up unreported
		next.snapshot = r.snapshot
	}
	next.reload = r.reload.observed(o.snapshot.Failure(false) == nil, o.at)
	next.next = o.at.Add(next.delay(o.at, interval))
	return next, changed
}

// delay is how long after a scrape the next one is: short while something is expected.
func (r *record) delay(now time.Time, interval time.Duration) time.Duration {
	age := now.Sub(r.since)
	longest, changes := r.longestDelay(age)
	switch {
	case changes:
		return min(max(age/4, firstScrape), longest, interval)
	case !r.confirmed:
		return min(confirmAfter, interval)
	case r.snapshot.trapped > 0:
		return min(r.trapDelay(now), interval)
	case r.draining:
		return min(drainScrape, interval)
	default:
		return wait.Jitter(interval, 0.2)
	}
}

// longestDelay is the longest delay while a failure may pass soon; false when there is none, or it stays.
func (r *record) longestDelay(age time.Duration) (longest time.Duration, changes bool) {
	f := r.snapshot.Failure(false)
	switch {
	case f == nil, f.Reason == v1alpha1.ReasonFilterTraps:
		return 0, false
	case f.Reason == v1alpha1.ReasonProxiesUncertain:
		return silentScrape, age < compileTime
	case f.Reason == v1alpha1.ReasonProxiesLoading && age < compileTime:
		return loadScrape, true
	}
	return lastScrape, true
}

// trapDelay is how long after a scrape the next one is of proxies in which the filter has trapped: short as long as it is not
// known whether that goes on, and the longer, the longer ago the last trap is.
func (r *record) trapDelay(now time.Time) time.Duration {
	delay := lastScrape
	for _, p := range r.proxies {
		if p.traps.recent(now) && !p.traps.goOn(now) {
			delay = min(delay, max(now.Sub(p.traps.last)/4, confirmAfter))
		}
	}
	return delay
}

// ran returns what is known of a proxy after a scrape that showed the filter running. repeat says that another one
// must show it as well before it is reported: for a moment a proxy has the statistics of what it has just rejected,
// and istiod sends that again. One that has ever rejected anything counts when it rejects nothing between two scrapes.
func (p proxyRecord) ran(confirmed bool, rejected int64) (next proxyRecord, repeat bool) {
	next = proxyRecord{rejected: rejected, failedRevisions: p.failedRevisions}
	switch {
	case rejected == 0, confirmed, p.running > 0 && rejected == p.rejected:
		next.running = min(p.running+1, confirmScrapes)
		return next, false
	case p.running == 0:
		next.running = 1
	}
	return next, true
}

// failed returns what is known of a proxy in which a revision does not start.
func (p proxyRecord) failed(revision string) []string {
	if slices.Contains(p.failedRevisions, revision) {
		return p.failedRevisions
	}
	revisions := append(slices.Clone(p.failedRevisions), revision)
	return revisions[max(0, len(revisions)-maxFailedRevisions):]
}

// backoff is when the proxies of an AutoWasm may be made to load its module again. Its zero value is: at once.
type backoff struct {
	next  time.Time
	delay time.Duration
	// healthySince is since when nothing has failed; zero while something does.
	healthySince time.Time
}

// observed is the backoff after a scrape. It is forgotten after a long time without a failure: one proxy that is well for
// a moment would have all others load again and again.
func (b backoff) observed(healthy bool, now time.Time) backoff {
	switch {
	case b == backoff{}:
	case !healthy:
		b.healthySince = time.Time{}
	case b.healthySince.IsZero():
		b.healthySince = now
	case now.Sub(b.healthySince) >= lastReload:
		return backoff{}
	}
	return b
}

func (b backoff) due(now time.Time) bool { return !now.Before(b.next) }

// after is the backoff after a reload: the delay doubles from time to time.
func (b backoff) after(now time.Time) backoff {
	delay := min(max(2*b.delay, firstReload), lastReload)
	return backoff{next: now.Add(delay), delay: delay}
}
