package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// background waits for fetches that take longer than a worker may be kept from
// other AutoWasms. It waits to the end, unlike a caller of Ensure whose context
// ends: so the reason of a slow failure is learnt, reported and backed off from.
//
// There is at most one wait per AutoWasm, for its newest requests. All of them
// belong to Start.
type background struct {
	fetcher Fetcher
	wake    func(types.NamespacedName)
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	waits   map[types.NamespacedName]*attempt
}

// attempt is one fetch for one generation of one AutoWasm.
type attempt struct {
	generation int64
	requests   []source.Request
	cancel     context.CancelFunc
	done       chan struct{} // closed when module and err are set
	module     fetch.Module
	err        error

	left  bool // nobody waits for it: its end wakes the AutoWasm
	again bool // it was asked for again since it began: a failure counts no more
}

func newBackground(fetcher Fetcher, wake func(types.NamespacedName)) *background {
	ctx, cancel := context.WithCancel(context.Background())
	return &background{fetcher: fetcher, wake: wake, ctx: ctx, cancel: cancel, waits: map[types.NamespacedName]*attempt{}}
}

// Start owns the waits until ctx ends, then it cancels them and returns when the
// last one is over.
func (b *background) Start(ctx context.Context) error {
	<-ctx.Done()
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.cancel()
	b.work.Wait()
	return nil
}

// ensure returns the module of the first of the requests, made for a generation of
// key, that does not fail for good, if it can be had within patience. Else the
// failure is Pending, and key is woken when the fetch has ended; the next equal
// ensure returns what came of it.
func (b *background) ensure(ctx context.Context, key types.NamespacedName, generation int64, patience time.Duration, requests ...source.Request) (fetch.Module, error) {
	a := b.attempt(key, generation, requests)
	if a == nil {
		return fetch.Module{}, failure.Transientf(v1alpha1.ReasonUnavailable, "the server is stopping")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-a.done:
	case <-ctx.Done():
	}
	if b.take(key, a) {
		return a.module, a.err
	}
	return fetch.Module{}, failure.Transientf(v1alpha1.ReasonPending, "the module is being fetched")
}

// attempt returns the one that is under way or has ended for equal requests, or
// begins one; nil when none may begin any more.
func (b *background) attempt(key types.NamespacedName, generation int64, requests []source.Request) *attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.waits[key]; a != nil {
		if a.generation == generation && equality.Semantic.DeepEqual(a.requests, requests) {
			a.again = true
			return a
		}
		a.cancel()
		delete(b.waits, key)
	}
	if b.stopped {
		return nil
	}
	return b.begin(key, generation, requests)
}

func (b *background) begin(key types.NamespacedName, generation int64, requests []source.Request) *attempt {
	ctx, cancel := context.WithCancel(b.ctx)
	a := &attempt{generation: generation, requests: requests, cancel: cancel, done: make(chan struct{})}
	b.waits[key] = a
	b.work.Go(func() { b.run(ctx, key, a) })
	return a
}

func (b *background) run(ctx context.Context, key types.NamespacedName, a *attempt) {
	defer a.cancel()
	for {
		m, err := b.fetch(ctx, a.requests)
		if b.end(ctx, a, m, err) {
			break
		}
	}
	if a.left { // which nobody sets any more once it has ended
		b.wake(key)
	}
}

// end notes what came of a, or returns false: it failed, and what was asked for
// again since it began may have been put right in the meantime, such as by a Secret
// that has arrived.
func (b *background) end(ctx context.Context, a *attempt, m fetch.Module, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && a.again && ctx.Err() == nil {
		a.again = false
		return false
	}
	a.module, a.err = m, err
	close(a.done)
	return true
}

// fetch goes on to the next request when one can only fail.
func (b *background) fetch(ctx context.Context, requests []source.Request) (m fetch.Module, err error) {
	for _, r := range requests {
		m, err = b.fetcher.Ensure(ctx, r)
		if err == nil || !failure.Of(err).Terminal {
			break
		}
	}
	return m, err
}

func (a *attempt) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// take reports whether an attempt has ended. If so it is told of, and the next one
// is new; if not, its end will wake the AutoWasm.
func (b *background) take(key types.NamespacedName, a *attempt) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !a.ended() {
		a.left = true
		return false
	}
	if b.waits[key] == a {
		delete(b.waits, key)
	}
	return true
}

// forget gives up the wait for an AutoWasm that is gone.
func (b *background) forget(key types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.waits[key]; a != nil {
		a.cancel()
		delete(b.waits, key)
	}
}
