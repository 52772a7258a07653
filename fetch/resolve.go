package fetch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// resolveAndFetch is the flight of one request.
func (f *Fetcher) resolveAndFetch(ctx context.Context, a ask, r source.Request) (Module, error) {
	begun := f.o.Now()
	m, err := f.attempt(ctx, a, r.Exactly(source.Pin{Reference: r.Preferred}))
	if r.Preferred != "" && err != nil && failure.Of(err).Terminal {
		m, err = f.attempt(ctx, a, r)
	}
	f.metrics.observe(f.o.Now().Sub(begun), err)
	if err == nil && a.memorable {
		f.memory.put(a.identity, m, begun)
	}
	return m, err
}

func (f *Fetcher) attempt(ctx context.Context, a ask, r source.Request) (Module, error) {
	return f.patiently(a.identity, func() (Module, error) {
		resolved, err := f.resolve(ctx, a, r)
		if err != nil {
			return Module{}, err
		}
		return f.fetch(ctx, a, resolved)
	})
}

// patiently leaves a host alone that asked for it, and notes when one asks.
func (f *Fetcher) patiently(id identity, fn func() (Module, error)) (Module, error) {
	who := caller{id.host(), id.credentials}
	if err := f.patience.check(who, f.o.Now()); err != nil {
		return Module{}, err
	}
	m, err := fn()
	f.patience.note(who, err, f.o.Now())
	return m, err
}

// resolve asks the source, with the request's own credentials, what it has.
func (f *Fetcher) resolve(ctx context.Context, a ask, r source.Request) (*source.Resolved, error) {
	leave, err := f.turn(ctx, f.resolving, a)
	if err != nil {
		return nil, err
	}
	defer leave()
	var resolved *source.Resolved
	err = f.bounded(ctx, a.identity, func(ctx context.Context) (err error) {
		resolved, err = f.o.Sources.Resolve(ctx, r)
		return err
	})
	return resolved, err
}

// turn waits until it is the asker's turn, and returns what ends it.
func (f *Fetcher) turn(ctx context.Context, g *gate, a ask) (leave func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.o.FetchTimeout, errNoTurn)
	defer cancel()
	leave, err = g.enter(ctx, a.tenant, a.host())
	return leave, f.ended(ctx, a.identity, err)
}

// bounded runs fn within the timeout.
func (f *Fetcher) bounded(ctx context.Context, id identity, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, f.o.FetchTimeout, tooSlow(f.o.FetchTimeout))
	defer cancel()
	return f.ended(ctx, id, fn(ctx))
}

// ended makes an error that comes of the end of our own context transient and
// says why it ended.
func (f *Fetcher) ended(ctx context.Context, id identity, err error) error {
	if err == nil || ctx.Err() == nil || failure.Of(err).Terminal {
		return err
	}
	if f.owner.ctx.Err() != nil {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "fetch %s: the server is stopping: %w", id, err)
	}
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return failure.Transientf(v1alpha1.ReasonUnavailable, "fetch %s: %w", id, err)
}

// errNoTurn is a fetch that waited too long for others.
var errNoTurn = errors.New("too many other fetches are under way")

func tooSlow(limit time.Duration) error {
	return fmt.Errorf("the source did not finish within %s", limit)
}
