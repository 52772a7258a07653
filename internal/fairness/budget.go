// SPDX-License-Identifier: Apache-2.0

package fairness

import (
	"context"
	"slices"
	"sync"
)

// Budget divides an amount, such as one of memory, of which each holder takes as much as it needs. One namespace holds less
// than half of it, or else one part alone, however large.
//
// What is free goes to the namespace that holds the least, and among these to the one that has had nothing for the longest,
// which is one that has just given something back only when no other waits. A namespace takes its parts in the order in which
// it asked. Nobody overtakes who is next and waits for more to be free: a large part would wait for ever.
type Budget struct {
	size int64

	mu     sync.Mutex
	free   int64
	turn   uint64
	shares map[string]*share // of the namespaces that hold something or wait
}

// share is what a namespace has of a Budget.
type share struct {
	held    int64
	since   uint64  // the turn at which it came, or last got or gave back something
	waiting []*part // the oldest first
}

type part struct {
	namespace string
	amount    int64
	acquired  chan struct{} // closed when it is held
}

// NewBudget makes a Budget of an amount.
func NewBudget(size int64) *Budget {
	return &Budget{size: size, free: size, shares: map[string]*share{}}
}

// Acquire waits for an amount of more than 0, for the whole if there is no more, and returns what releases it, once if called
// twice, or the cause of the context's end.
func (b *Budget) Acquire(ctx context.Context, namespace string, amount int64) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	p := &part{namespace, min(amount, b.size), make(chan struct{})}
	b.mu.Lock()
	b.wait(p)
	b.grant()
	b.mu.Unlock()
	return await(ctx, p.acquired, func() { b.release(p) })
}

// wait enqueues a part. The caller holds b.mu, as those of the methods below do.
func (b *Budget) wait(p *part) {
	s := b.shares[p.namespace]
	if s == nil {
		s = &share{since: b.next()}
		b.shares[p.namespace] = s
	}
	s.waiting = append(s.waiting, p)
}

// release takes a part away from wherever it is: one that gives up may have been granted at that moment.
func (b *Budget) release(p *part) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.shares[p.namespace]
	if i := slices.Index(s.waiting, p); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	} else {
		b.move(s, -p.amount)
	}
	if s.held == 0 && len(s.waiting) == 0 {
		delete(b.shares, p.namespace)
	}
	b.grant()
}

// grant gives what is free to those whose turn it is.
func (b *Budget) grant() {
	for {
		s := b.first()
		if s == nil || s.waiting[0].amount > b.free {
			return
		}
		p := s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
		b.move(s, p.amount)
		close(p.acquired)
	}
}

// first is the share whose turn it is, nil when none may have more.
func (b *Budget) first() (first *share) {
	for _, s := range b.shares {
		if len(s.waiting) == 0 || s.held > 0 && 2*(s.held+s.waiting[0].amount) >= b.size {
			continue
		}
		if first == nil || s.held < first.held || s.held == first.held && s.since < first.since {
			first = s
		}
	}
	return first
}

// move has a share hold so much more.
func (b *Budget) move(s *share, amount int64) {
	b.free -= amount
	s.held += amount
	s.since = b.next()
}

// next numbers the turns.
func (b *Budget) next() uint64 {
	b.turn++
	return b.turn
}
