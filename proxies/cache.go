// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"sync"
	"time"

	lru "k8s.io/apimachinery/pkg/util/cache"

	"github.com/autowasm/autowasm/internal/ttlcache"
)

const (
	// keepResults is how long a result is kept at most.
	keepResults = 10 * time.Minute
	// maxResults bounds how many are kept; the least recently used one goes first.
	maxResults = 20_000
	// maxResultBytes bounds what is added to a cache until it is emptied: hostile pods have results that are large.
	maxResultBytes = 32 << 20
)

// cache keeps results for a while, and has all that want the same one at once share one call. The first of them makes
// the call itself, within its own context: there is no goroutine to wait for.
type cache[V any] struct {
	now    func() time.Time
	sizeOf func(V) int // bytes
	mu     sync.Mutex
	calls  *lru.LRUExpireCache // *call[V] by key
	added  int                 // bytes since it was last empty
}

// call is one call and its result.
type call[V any] struct {
	began    time.Time
	ended    bool          // as done is closed, for those who hold the cache's lock
	done     chan struct{} // closed when the rest is set
	value    V
	err      error
	canceled bool // its caller went away before there was a result
}

func newCache[V any](now func() time.Time, sizeOf func(V) int) *cache[V] {
	if now == nil {
		now = time.Now
	}
	c := &cache[V]{now: now, sizeOf: sizeOf}
	c.empty()
	return c
}

// empty forgets all results. Calls under way end for those who have joined them.
func (c *cache[V]) empty() {
	c.calls, c.added = ttlcache.New(maxResults, c.now), 0
}

// get returns the result for a key: one that is younger than maxAge, else that of a new call.
func (c *cache[V]) get(ctx context.Context, key string, maxAge time.Duration, fetch func(context.Context) (V, error)) (V, error) {
	for {
		current, mine := c.join(key, maxAge)
		if mine {
			c.run(ctx, current, fetch)
			return current.value, current.err
		}
		select {
		case <-current.done:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
		if !current.canceled {
			return current.value, current.err
		}
	}
}

// join returns a call whose result will do, or a new one that the caller must run.
func (c *cache[V]) join(key string, maxAge time.Duration) (current *call[V], mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if kept, ok := c.calls.Get(key); ok {
		current := kept.(*call[V])
		if !current.ended || (!current.canceled && now.Sub(current.began) < maxAge) {
			return current, false
		}
	}
	current = &call[V]{began: now, done: make(chan struct{}), canceled: true}
	c.calls.Add(key, current, keepResults)
	return current, true
}

// run makes the call. Those that share it make another one when a panic or the end of its caller's context cuts it off.
func (c *cache[V]) run(ctx context.Context, current *call[V], fetch func(context.Context) (V, error)) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		current.ended = true
		close(current.done)
		if c.added += c.sizeOf(current.value); c.added > maxResultBytes {
			c.empty()
		}
	}()
	current.value, current.err = fetch(ctx)
	current.canceled = ctx.Err() != nil
}
