package fetch

import (
	"context"
	"slices"
	"sync"
)

// limiter bounds how much is done at once, and gives at most half of that to one host or one namespace: neither a host
// that does not answer nor a namespace that wants much keeps the others waiting. One namespace gets one less of a
// host, so that neither of them is all that the other can have.
//
// Of the requests that wait and may go ahead, one of the namespace that holds the fewest places goes first, and among
// these the oldest. A golang.org/x/sync/semaphore serves in the order of arrival.
type limiter struct {
	size int

	mu         sync.Mutex
	held       int
	hosts      counter[string]
	namespaces counter[string]
	pairs      counter[pair]
	waiting    []*waiter // the oldest first
}

// pair is for whom a place is held, and to ask which host.
type pair struct{ namespace, host string }

type waiter struct {
	pair
	acquired chan struct{} // closed when it holds a place
}

func newLimiter(size int) *limiter {
	half := max(1, size/2)
	return &limiter{size: size, hosts: newCounter[string](half), namespaces: newCounter[string](half), pairs: newCounter[pair](max(1, half-1))}
}

// acquire waits for a place and returns what releases it, once if called twice, or the cause of the context's end.
func (l *limiter) acquire(ctx context.Context, namespace, host string) (release func(), err error) {
	w := &waiter{pair: pair{namespace, host}, acquired: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	l.grant()
	l.mu.Unlock()
	select {
	case <-w.acquired:
		return sync.OnceFunc(func() { l.release(w) }), nil
	case <-ctx.Done():
		l.release(w)
		return nil, context.Cause(ctx)
	}
}

// release takes a waiter away from wherever it is: one that gives up may have been given a place at that moment.
func (l *limiter) release(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return
	}
	l.held--
	l.hosts.remove(w.host)
	l.namespaces.remove(w.namespace)
	l.pairs.remove(w.pair)
	l.grant()
}

// grant gives the free places to those who may have them. The caller holds l.mu.
func (l *limiter) grant() {
	for l.held < l.size {
		next := l.next()
		if next < 0 {
			return
		}
		w := l.waiting[next]
		l.waiting = slices.Delete(l.waiting, next, next+1)
		l.held++
		l.hosts.add(w.host)
		l.namespaces.add(w.namespace)
		l.pairs.add(w.pair)
		close(w.acquired)
	}
}

// next is the index of the waiter that goes first, -1 when none may.
func (l *limiter) next() int {
	best := -1
	for i, w := range l.waiting {
		if l.hosts.full(w.host) || l.namespaces.full(w.namespace) || l.pairs.full(w.pair) {
			continue
		}
		if best < 0 || l.namespaces.counts[w.namespace] < l.namespaces.counts[l.waiting[best].namespace] {
			best = i
		}
	}
	return best
}

// counter counts by key up to a limit, and drops the keys that are back at 0. It is not safe for concurrent use.
type counter[K comparable] struct {
	limit  int
	counts map[K]int
}

func newCounter[K comparable](limit int) counter[K] {
	return counter[K]{limit: limit, counts: map[K]int{}}
}

func (c counter[K]) full(key K) bool { return c.counts[key] >= c.limit }

func (c counter[K]) add(key K) { c.counts[key]++ }

func (c counter[K]) remove(key K) {
	if c.counts[key]--; c.counts[key] <= 0 {
		delete(c.counts, key)
	}
}
