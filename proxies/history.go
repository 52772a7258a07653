// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"maps"
	"sync"
	"time"

	lru "k8s.io/apimachinery/pkg/util/cache"

	"github.com/autowasm/autowasm/internal/ttlcache"
	"github.com/autowasm/autowasm/render"
)

const (
	// maxHistories bounds the proxies whose history is kept, for at most keepHistory after the last report. That of one with
	// two filters takes a kilobyte.
	maxHistories = 20_000
	keepHistory  = time.Hour
	// maxFollowed is how many filters of a proxy are followed, and maxHistoryBytes how large a report may be; a proxy that has
	// more, as a hostile pod may say, has no history.
	maxFollowed     = 32
	maxHistoryBytes = 8 << 10
	// codeCacheTime is for how long a proxy has a module after it made a filter of it. Envoy keeps it for a day.
	codeCacheTime = 12 * time.Hour
)

// histories hold what proxies have shown of the virtual machines that they made. They may be used concurrently.
type histories struct {
	mu  sync.Mutex
	all *lru.LRUExpireCache // *history by instance
}

func newHistories(now func() time.Time) *histories {
	return &histories{all: ttlcache.New(maxHistories, now)}
}

// started adds a report to the history of a proxy, and returns whether that shows that a filter has started since it came.
// false says nothing: it may have come before there was a history.
func (h *histories) started(i instance, r Report, want render.Plugin) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.of(i)
	of.observe(r)
	h.all.Add(i, of, keepHistory)
	return of.filters[want].started
}

// ran adds to the history of a proxy that it runs a filter, by whatever shows that, which it got since a time.
func (h *histories) ran(i instance, filter render.Plugin, since time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of(i).cached(filter, since)
}

// of is the history of a proxy, an empty one if there is none.
func (h *histories) of(i instance) *history {
	if kept, ok := h.all.Get(i); ok {
		return kept.(*history)
	}
	return &history{}
}

// history is what one run of a proxy has shown.
type history struct {
	last Report // without its filters
	// total is since the first report. before is what it was at the last report while nothing was being made, if any.
	total, before machineCount
	hasBefore     bool
	// filters are those of the last report.
	filters map[render.Plugin]startup
	// codeCache is when the proxy last made a filter that started, by the filter's VM, and with it by its module.
	codeCache map[string]time.Time
}

// machineCount counts virtual machines.
type machineCount struct {
	// gained are those that run.
	gained int64
	// unused are those that were created and do not run, but for the one of each set that tries the configuration. It is
	// Workers+2 for each of them, so that what a set of which not all are created yet lacks is a whole number, too.
	unused int64
}

// startup is what is known of the start of a filter.
type startup struct {
	// since is what the proxy had counted before the filter was there; isNew is false where that is not known.
	since machineCount
	isNew bool
	// shares says that another one with the same module and vm_id was there before.
	shares bool
	// settled says that it was there while nothing was being made.
	settled bool
	// fromCache says that the proxy had the module before the filter came, and a filter of it had started. It makes such a
	// filter at once, and rejects the listener if that does not start.
	fromCache bool
	started   bool
}

// observe adds a report. One that was added before, or that is older than the last, changes nothing.
func (h *history) observe(r Report) {
	switch {
	case !r.At.After(h.last.At):
		return
	case !r.countsMachines():
		*h = history{}
	case !h.continues(r):
		h.begin(r)
	default:
		h.advance(r)
	}
	h.last = r
	h.last.Filters = nil
}

// countsMachines reports whether a history can be made of a report.
func (r Report) countsMachines() bool {
	return r.Workers > 0 && len(r.Filters) <= maxFollowed && r.size() <= maxHistoryBytes && (r.VMs == 0 || r.Created > 0)
}

// continues reports whether a report counts on from the last. Envoy forgets its count with the last filter, and what a
// filter that is started again leaves behind is the same as what one that does not start leaves.
func (h *history) continues(r Report) bool {
	last := h.last
	switch {
	case last.Workers != r.Workers, last.Created > r.Created,
		last.OtherRestarts != r.OtherRestarts, !maps.Equal(last.Restarts, r.Restarts):
		return false
	case last.VMs == 0:
		return last.Created == 0
	}
	for _, f := range r.Filters {
		if _, ok := h.filters[f]; ok {
			return true
		}
	}
	return last.Others > 0 && last.Others == r.Others
}

// begin makes a report the first one. Of the filters that it has, no more is known than that some had started before.
func (h *history) begin(r Report) {
	former, cache := h.filters, h.codeCache
	if r.Created < h.last.Created { // it may be another run of the proxy
		former, cache = nil, nil
	}
	*h = history{hasBefore: r.settled(), filters: map[render.Plugin]startup{}, codeCache: cache}
	for _, f := range r.Filters {
		s, ok := former[f]
		h.filters[f] = startup{settled: h.hasBefore, started: s.started, fromCache: s.fromCache || !ok && h.inCodeCache(f, r.At)}
	}
}

// advance adds a report that counts on from the last.
func (h *history) advance(r Report) {
	h.total = h.total.add(h.last, r)
	settled := r.settled() && r.Created == h.last.Created
	filters := make(map[render.Plugin]startup, len(r.Filters))
	for _, f := range r.Filters {
		s, ok := h.filters[f]
		if !ok {
			s = startup{since: h.before, isNew: h.hasBefore, shares: h.shares(f), fromCache: h.inCodeCache(f, r.At)}
		}
		if !s.started && settled && r.VMs == h.last.VMs && (s.fromCache || h.shows(s, r)) {
			s.started = true
			h.cached(f, r.At)
		}
		s.settled = s.settled || settled
		filters[f] = s
	}
	h.filters = filters
	if settled {
		h.before, h.hasBefore = h.total, true
	}
}

// cached adds that the proxy made a filter, which has started, at a time or later.
func (h *history) cached(f render.Plugin, at time.Time) {
	switch known, ok := h.codeCache[f.VM]; {
	case ok && !at.After(known):
		return
	case h.codeCache == nil, len(h.codeCache) >= maxFollowed && !ok:
		h.codeCache = map[string]time.Time{}
	}
	h.codeCache[f.VM] = at
}

// inCodeCache reports whether a filter that comes now is made of a module that the proxy has, and of which one had started.
func (h *history) inCodeCache(f render.Plugin, now time.Time) bool {
	at, ok := h.codeCache[f.VM]
	return ok && at.Before(now) && now.Sub(at) < codeCacheTime
}

// shares reports whether a filter that was there before uses the same module and vm_id as a new one.
func (h *history) shares(f render.Plugin) bool {
	for other, s := range h.filters {
		if other.VM == f.VM && s.settled {
			return true
		}
	}
	return false
}

// shows reports whether a filter has started. Where another one has the module, it is created from Envoy's code cache: a
// listener is rejected whose filter does not start so. All that it leaves unused is the machine that tried it.
func (h *history) shows(s startup, r Report) bool {
	gained, unused := h.total.gained-s.since.gained, h.total.unused-s.since.unused
	switch {
	case !s.isNew || r.FetchFailures > 0:
		return false
	case s.shares:
		return unused >= 0 && unused <= r.set()
	default:
		return unused == 0 && gained >= r.set()
	}
}

// settled reports whether no listener waits for a module.
func (r Report) settled() bool { return r.Warming == 0 && !r.Starting }

// set is how many machines run for one filter: one from which the others are cloned, one of the main thread and one of
// each worker. One more was created, which tries the configuration.
func (r Report) set() int64 { return int64(r.Workers) + 2 }

// add counts from one report to the next. Machines that ended meanwhile hide as many that were created, which leaves
// more unused than there are, but never less.
func (c machineCount) add(last, next Report) machineCount {
	gained := max(int64(next.VMs-last.VMs), 0)
	c.gained += gained
	c.unused += next.set()*(next.Created-last.Created) - (next.set()+1)*gained
	return c
}
