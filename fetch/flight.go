package fetch

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/fetch/failure"
)

const (
	// maxFlights bounds the flights of one kind that run or wait for their turn.
	maxFlights = 4096
	// maxLeft bounds the callers of one flight that are told of its end.
	maxLeft = 1024
)

// flight is work that several callers wait for and none of them owns.
type flight struct {
	done        chan struct{} // closed when module and err are set
	module      Module
	err         error
	credentials string // of the caller that started it
	left        map[types.NamespacedName]struct{}
}

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
}

func newFlights[K comparable](o *owner) *flights[K] {
	return &flights[K]{owner: o, running: map[K]*flight{}}
}

// board returns the flight of the key, and starts it with fn if there is none. fn
// gets a context of its own, with the logger of ctx. When it has ended, announce
// is called for everybody who left.
func (g *flights[K]) board(ctx context.Context, key K, credentials string, fn func(context.Context) (Module, error), announce func(types.NamespacedName)) (f *flight, started bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.running[key]; f != nil {
		return f, false, nil
	}
	if len(g.running) >= maxFlights {
		return nil, false, failure.Indefinitef(failure.Unavailable, "too many fetches are under way (%d)", maxFlights)
	}
	f = &flight{done: make(chan struct{}), credentials: credentials, left: map[types.NamespacedName]struct{}{}}
	own := log.IntoContext(g.owner.ctx, log.FromContext(ctx))
	if err := g.owner.run(func() { g.fly(own, key, f, fn, announce) }); err != nil {
		return nil, false, err
	}
	g.running[key] = f
	return f, true, nil
}

func (g *flights[K]) fly(ctx context.Context, key K, f *flight, fn func(context.Context) (Module, error), announce func(types.NamespacedName)) {
	f.module, f.err = guarded(ctx, fn)
	for who := range g.land(key, f) {
		announce(who)
	}
}

// land ends a flight and returns who left it. Nobody can leave it any more.
func (g *flights[K]) land(key K, f *flight) map[types.NamespacedName]struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, key)
	close(f.done)
	return f.left
}

// leave has the caller told of the end, unless the flight is over already.
func (g *flights[K]) leave(f *flight, who types.NamespacedName) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-f.done:
		return false
	default:
	}
	if len(f.left) < maxLeft {
		f.left[who] = struct{}{}
	}
	return true
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
			m, err = Module{}, failure.Indefinitef(failure.Unavailable, "internal error: %v", p)
		}
	}()
	return fn(ctx)
}
