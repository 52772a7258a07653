package fetch

import (
	"context"
	"slices"
	"sync"
)

// gate lets a limited number of visitors in at once, and at most half of them to
// one host or for one namespace: neither a host that does not answer nor a
// namespace that asks for much keeps the others out. One namespace gets one place
// less of a host: so it can neither keep the others from a host that all use, nor
// a slow host keep it from its other hosts.
//
// Of those who wait and may enter, who comes of the namespace with the fewest
// inside goes first, and among these who came first.
type gate struct {
	size int

	mu         sync.Mutex
	inside     int
	hosts      tally[string]
	namespaces tally[string]
	errands    tally[errand]
	waiting    []*visitor // in the order in which they came
}

// errand is for whom a visitor comes, and whom it asks.
type errand struct{ namespace, host string }

type visitor struct {
	errand
	admitted chan struct{} // closed when it is inside
}

func newGate(size int) *gate {
	half := max(1, size/2)
	return &gate{size: size, hosts: newTally[string](half), namespaces: newTally[string](half), errands: newTally[errand](max(1, half-1))}
}

// enter waits for a place and returns what gives it back, once however often it
// is called; or the cause of the context's end.
func (g *gate) enter(ctx context.Context, namespace, host string) (leave func(), err error) {
	v := &visitor{errand: errand{namespace, host}, admitted: make(chan struct{})}
	g.queue(v)
	select {
	case <-v.admitted:
		return sync.OnceFunc(func() { g.leave(v) }), nil
	case <-ctx.Done():
		g.leave(v)
		return nil, context.Cause(ctx)
	}
}

func (g *gate) queue(v *visitor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, v)
	g.admit()
}

// leave takes a visitor away from wherever it is: one that no longer wants in may
// have been admitted at that moment.
func (g *gate) leave(v *visitor) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, v); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		return
	}
	g.inside--
	g.hosts.remove(v.host)
	g.namespaces.remove(v.namespace)
	g.errands.remove(v.errand)
	g.admit()
}

// admit lets in whom there is room for. The caller holds g.mu.
func (g *gate) admit() {
	for g.inside < g.size {
		next := g.next()
		if next < 0 {
			return
		}
		v := g.waiting[next]
		g.waiting = slices.Delete(g.waiting, next, next+1)
		g.inside++
		g.hosts.add(v.host)
		g.namespaces.add(v.namespace)
		g.errands.add(v.errand)
		close(v.admitted)
	}
}

// next is the index of whose turn it is, -1 when nobody may enter.
func (g *gate) next() int {
	best := -1
	for i, v := range g.waiting {
		if g.hosts.full(v.host) || g.namespaces.full(v.namespace) || g.errands.full(v.errand) {
			continue
		}
		if best < 0 || g.namespaces.of(v.namespace) < g.namespaces.of(g.waiting[best].namespace) {
			best = i
		}
	}
	return best
}
