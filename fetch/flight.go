package fetch

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxFlights bounds the flights of one kind that run or wait for their turn.
	maxFlights = 4096
	// maxFlightsOfOne bounds those that one namespace started.
	maxFlightsOfOne = maxFlights / 4
)

// flight is work that several callers wait for and none of them owns.
type flight struct {
	done   chan struct{} // closed when module and err are set
	module Module
	err    error
	by     starter
}

// starter is who started a flight.
type starter struct{ namespace, credentials string }

// wait reports whether the flight ended before ctx.
func (f *flight) wait(ctx context.Context) bool {
	select {
	case <-f.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// flights are the flights under way, one per key.
type flights[K comparable] struct {
	owner *owner

	mu      sync.Mutex
	running map[K]*flight
	started tally[string] // flights under way, by the namespace that started them
}

func newFlights[K comparable](o *owner) *flights[K] {
	return &flights[K]{owner: o, running: map[K]*flight{}, started: newTally[string](maxFlightsOfOne)}
}

// board returns the flight of the key, and starts it with fn if there is none. fn
// gets a context of its own, with the logger of ctx.
func (g *flights[K]) board(ctx context.Context, key K, by starter, fn func(context.Context) (Module, error)) (f *flight, started bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.running[key]; f != nil {
		return f, false, nil
	}
	if err := g.full(by.namespace); err != nil {
		return nil, false, err
	}
	f = &flight{done: make(chan struct{}), by: by}
	own := log.IntoContext(g.owner.ctx, log.FromContext(ctx))
	if err := g.owner.run(func() { g.fly(own, key, f, fn) }); err != nil {
		return nil, false, err
	}
	g.running[key] = f
	g.started.add(by.namespace)
	return f, true, nil
}

// full returns why a namespace may start no further flight. The caller holds g.mu.
func (g *flights[K]) full(namespace string) error {
	switch {
	case len(g.running) >= maxFlights:
		return failure.Transientf(v1alpha1.ReasonUnavailable, "too many fetches are under way (%d)", maxFlights)
	case g.started.full(namespace):
		return failure.Transientf(v1alpha1.ReasonUnavailable, "too many fetches for namespace %s are under way (%d)", namespace, maxFlightsOfOne)
	}
	return nil
}

// find returns the flight of the key, nil when there is none.
func (g *flights[K]) find(key K) *flight {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running[key]
}

// fly ends with the flight forgotten: who asks later starts another.
func (g *flights[K]) fly(ctx context.Context, key K, f *flight, fn func(context.Context) (Module, error)) {
	f.module, f.err = guarded(ctx, fn)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, key)
	g.started.remove(f.by.namespace)
	close(f.done)
}

// count is how many flights are under way.
func (g *flights[K]) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.running)
}

// guarded turns a panic over what a stranger sent into an error.
func guarded(ctx context.Context, fn func(context.Context) (Module, error)) (m Module, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.FromContext(ctx).Error(fmt.Errorf("panic: %v", p), "a fetch failed badly", "stack", string(debug.Stack()))
			m, err = Module{}, failure.Transientf(v1alpha1.ReasonUnavailable, "internal error: %v", p)
		}
	}()
	return fn(ctx)
}
