package proxies

import (
	"context"
	"sync"
	"time"
)

const (
	// keepAnswers is how long an answer is kept at most.
	keepAnswers = 10 * time.Minute
	// maxAnswers bounds how many are kept.
	maxAnswers = 20_000
	// sweepInterval is how often those too old are removed.
	sweepInterval = time.Minute
)

// answers remembers answers for a while, and lets all who want the same one at once
// wait for one question. Whoever comes first asks, in its own time: there is no
// goroutine that somebody would have to wait for.
type answers[V any] struct {
	now   func() time.Time
	mu    sync.Mutex
	byKey map[string]*answer[V]
	swept time.Time
}

// answer is one question and what came of it.
type answer[V any] struct {
	asked time.Time
	done  chan struct{} // closed when the rest is set
	value V
	err   error
	void  bool // who asked went away before there was an answer
}

func newAnswers[V any](now func() time.Time) *answers[V] {
	if now == nil {
		now = time.Now
	}
	return &answers[V]{now: now, byKey: map[string]*answer[V]{}, swept: now()}
}

// get returns the answer for a key, one that is younger than maxAge or a new one.
func (a *answers[V]) get(ctx context.Context, key string, maxAge time.Duration, ask func(context.Context) (V, error)) (V, error) {
	for {
		current, mine := a.join(key, maxAge)
		if mine {
			a.ask(ctx, key, current, ask)
			return current.value, current.err
		}
		select {
		case <-current.done:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
		if !current.void {
			return current.value, current.err
		}
	}
}

// join returns an answer that will do, or a new one that the caller must get.
func (a *answers[V]) join(key string, maxAge time.Duration) (current *answer[V], mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if current := a.byKey[key]; current != nil && (!current.ended() || now.Sub(current.asked) < maxAge) {
		return current, false
	}
	a.sweep(now)
	current = &answer[V]{asked: now, done: make(chan struct{}), void: true}
	a.byKey[key] = current
	return current, true
}

// ask gets the answer. One that a panic or the asker's leave cut off is nobody
// else's.
func (a *answers[V]) ask(ctx context.Context, key string, current *answer[V], ask func(context.Context) (V, error)) {
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if current.void {
			delete(a.byKey, key)
		}
		close(current.done)
	}()
	current.value, current.err = ask(ctx)
	current.void = ctx.Err() != nil
}

func (a *answer[V]) ended() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// sweep makes room for one more. The caller holds a.mu.
func (a *answers[V]) sweep(now time.Time) {
	if len(a.byKey) < maxAnswers && now.Sub(a.swept) < sweepInterval {
		return
	}
	a.swept = now
	for key, old := range a.byKey {
		if old.ended() && now.Sub(old.asked) >= keepAnswers {
			delete(a.byKey, key)
		}
	}
	for key, old := range a.byKey { // only a flood gets here: any will do
		if len(a.byKey) < maxAnswers {
			return
		}
		if old.ended() {
			delete(a.byKey, key)
		}
	}
}
