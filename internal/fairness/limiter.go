// SPDX-License-Identifier: Apache-2.0

package fairness

import (
	"context"
	"slices"
	"sync"
)

// Limiter bounds how much is done at once, and gives at most half of that to one host or one namespace: neither a host
// that does not answer nor a namespace that wants much keeps the others waiting. One namespace gets one less of a
// host, so that neither of them is all that the other can have.
//
// Of the requests that wait and may go ahead, one of the namespace that holds the fewest places goes first, and among
// these the oldest. A golang.org/x/sync/semaphore serves in the order of arrival.
type Limiter struct {
	size int

	mu         sync.Mutex
	held       int
	hosts      Counter[string]
	namespaces Counter[string]
	pairs      Counter[pair]
	waiting    []*waiter // the oldest first
}

// pair is for whom a place is held, and to ask which host.
type pair struct{ namespace, host string }

type waiter struct {
	pair
	acquired chan struct{} // closed when it holds a place
}

// NewLimiter makes a Limiter of that many places.
func NewLimiter(size int) *Limiter {
	half := max(1, size/2)
	return &Limiter{size: size, hosts: NewCounter[string](half), namespaces: NewCounter[string](half), pairs: NewCounter[pair](max(1, half-1))}
}

// Acquire waits for a place and returns what releases it, once if called twice, or the cause of the context's end.
func (l *Limiter) Acquire(ctx context.Context, namespace, host string) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w := &waiter{pair: pair{namespace, host}, acquired: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	l.grant()
	l.mu.Unlock()
	return await(ctx, w.acquired, func() { l.release(w) })
}

// await waits until something is acquired, which release gives back; that also takes away who gives up.
func await(ctx context.Context, acquired <-chan struct{}, release func()) (func(), error) {
	select {
	case <-acquired:
		return sync.OnceFunc(release), nil
	case <-ctx.Done():
		release()
		return nil, context.Cause(ctx)
	}
}

// release takes a waiter away from wherever it is: one that gives up may have been given a place at that moment.
func (l *Limiter) release(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return
	}
	l.held--
	l.hosts.Remove(w.host)
	l.namespaces.Remove(w.namespace)
	l.pairs.Remove(w.pair)
	l.grant()
}

// grant gives the free places to those who may have them. The caller holds l.mu.
func (l *Limiter) grant() {
	for l.held < l.size {
		next := l.next()
		if next < 0 {
			return
		}
		w := l.waiting[next]
		l.waiting = slices.Delete(l.waiting, next, next+1)
		l.held++
		l.hosts.Add(w.host)
		l.namespaces.Add(w.namespace)
		l.pairs.Add(w.pair)
		close(w.acquired)
	}
}

// next is the index of the waiter that goes first, -1 when none may.
func (l *Limiter) next() int {
	best := -1
	for i, w := range l.waiting {
		if l.hosts.Full(w.host) || l.namespaces.Full(w.namespace) || l.pairs.Full(w.pair) {
			continue
		}
		if best < 0 || l.namespaces.Count(w.namespace) < l.namespaces.Count(l.waiting[best].namespace) {
			best = i
		}
	}
	return best
}
