// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/fairness"
)

// Ensure returns the module of a request once it is in the store.
//
// An image by digest, or by tag with the policy IfNotPresent, is answered from memory when it was resolved with the
// same credentials less than ResolveTTL ago. Otherwise the source is asked, and what it has not given before is
// downloaded.
//
// Errors are *failure.Error. When ctx ends first the error is v1alpha1.ReasonPending: the fetch goes on in the
// background, and a further call joins it. Failures are not remembered: a further call tries again, save within the
// time that a host asked for by Retry-After, which is v1alpha1.ReasonRateLimited at once.
func (f *Fetcher) Ensure(ctx context.Context, r source.Request) (Module, error) {
	m, task, err := f.begin(ctx, r)
	if task == nil {
		return m, err
	}
	return task.wait(ctx)
}

// Begin is Ensure for a caller that does not wait. ctx is for reading the credentials alone.
func (f *Fetcher) Begin(ctx context.Context, r source.Request) *Task {
	m, task, err := f.begin(ctx, r)
	if task == nil {
		return EndedTask(m, err)
	}
	return task
}

// begin returns the task of a request, or without one what is known at once.
func (f *Fetcher) begin(ctx context.Context, r source.Request) (Module, *Task, error) {
	id, err := f.identify(ctx, r)
	if err != nil {
		return Module{}, nil, err
	}
	if m, ok := f.memory.resolution(id); ok {
		if _, ok := f.o.Store.Use(m.SHA256); ok {
			return m, nil, nil
		}
	}
	a := ask{identity: id, tenant: r.Namespace, referenced: r.Referenced}
	task, err := f.requests.start(ctx, a, a, func(ctx context.Context) (Module, error) {
		return f.ensure(ctx, a, r)
	})
	return Module{}, task, err
}

// ensure is the task of a request.
func (f *Fetcher) ensure(ctx context.Context, a ask, r source.Request) (Module, error) {
	begun := f.o.Now()
	m, err := f.resolveAndFetch(ctx, a, r.Exactly(source.Pin{Reference: r.Preferred}))
	if r.Preferred != "" && err != nil && failure.Of(err).Terminal {
		m, err = f.resolveAndFetch(ctx, a, r)
	}
	took := f.o.Now().Sub(begun)
	f.metrics.fetched(took, err)
	if err == nil {
		f.memory.addResolution(a.identity, m, f.o.ResolveTTL-took)
	}
	return m, err
}

// resolveAndFetch asks the source what it has, and downloads what it has not given before.
func (f *Fetcher) resolveAndFetch(ctx context.Context, a ask, r source.Request) (m Module, err error) {
	user := account{a.host(), a.credentials}
	if err := f.memory.rateLimited(user); err != nil {
		return Module{}, err
	}
	defer func() { f.memory.addRateLimit(user, err) }()
	resolved, err := f.resolve(ctx, a, r)
	if err != nil {
		return Module{}, err
	}
	if m, ok := f.recall(resolved); ok {
		return m, nil
	}
	return f.download(ctx, a, resolved)
}

// resolve asks the source, with the request's own credentials, what it has.
func (f *Fetcher) resolve(ctx context.Context, a ask, r source.Request) (*source.Resolved, error) {
	release, err := f.acquire(ctx, f.resolving, a)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := f.bounded(ctx)
	defer cancel()
	resolved, err := f.o.Sources.Resolve(ctx, r)
	return resolved, f.interrupted(ctx, a, err)
}

// acquire waits for a place of a limiter, and returns what releases it.
func (f *Fetcher) acquire(ctx context.Context, l *fairness.Limiter, a ask) (release func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.o.FetchTimeout, errBusy)
	defer cancel()
	release, err = l.Acquire(ctx, a.tenant, a.host())
	return release, f.interrupted(ctx, a, err)
}

// errBusy is the cause of a wait for a limiter that took too long.
var errBusy = errors.New("too many other fetches are under way")

// bounded is the context of one resolution or download.
func (f *Fetcher) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, f.o.FetchTimeout, fmt.Errorf("the source did not finish within %s", f.o.FetchTimeout))
}

// interrupted makes an error that comes of the end of our own context transient, and says why it ended.
func (f *Fetcher) interrupted(ctx context.Context, a ask, err error) error {
	if err == nil || ctx.Err() == nil || failure.Of(err).Terminal {
		return err
	}
	switch cause := context.Cause(ctx); {
	case f.owner.ctx.Err() != nil:
		err = fmt.Errorf("the server is stopping: %w", err)
	case !errors.Is(err, cause):
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return failure.Transientf(v1alpha1.ReasonUnavailable, "fetch %s: %w", a, err)
}
