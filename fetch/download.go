package fetch

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxJoins is how often a request joins a download that others started and that
// then failed with their credentials, before it takes that for its own answer.
const maxJoins = 3

// download returns the module of a resolved source, which is downloaded once for all
// whose sources resolve to the same.
func (f *Fetcher) download(ctx context.Context, a ask, resolved *source.Resolved) (Module, error) {
	for joins := 1; ; joins++ {
		task, started, err := f.joinDownload(ctx, a, resolved)
		if err != nil {
			return Module{}, err
		}
		m, err := task.wait(ctx)
		others := !started && task.starter.credentials != a.credentials
		if err == nil || !others || joins == maxJoins {
			return m, f.interrupted(ctx, a, err)
		}
	}
}

// joinDownload joins a download that is under way, or does it itself. The limiter
// comes before there is anything to join: no request joins a download that waits in
// another namespace's queue.
func (f *Fetcher) joinDownload(ctx context.Context, a ask, resolved *source.Resolved) (task *Task, started bool, err error) {
	if running := f.downloads.find(resolved.Key); running != nil {
		return running, false, nil
	}
	err = f.limited(ctx, f.downloading, a, func(ctx context.Context) (err error) {
		task, started, err = f.downloads.do(ctx, resolved.Key, a, a.starter(), func(ctx context.Context) (Module, error) {
			m, err := f.transfer(ctx, resolved)
			return m, f.interrupted(ctx, a, err)
		})
		return err
	})
	return task, started, err
}

// transfer streams the module into the store, unless another request has done so
// while this one waited for the limiter.
func (f *Fetcher) transfer(ctx context.Context, resolved *source.Resolved) (Module, error) {
	if m, ok := f.recall(resolved); ok {
		return m, nil
	}
	body, err := resolved.Open(ctx)
	if err != nil {
		return Module{}, err
	}
	defer body.Close() //nolint:errcheck // only read, and read to its end
	info, err := f.o.Store.Put(ctx, body, resolved.SHA256)
	if err != nil {
		return Module{}, failure.Wrapf(err, "fetch %s", resolved.Reference)
	}
	logger := log.FromContext(ctx).WithValues("reference", resolved.Reference, "sha256", info.SHA256)
	if resolved.Immutable {
		if err := f.o.Store.AddSource(resolved.Key, info.SHA256); err != nil {
			logger.Error(err, "Cannot remember the source of a module, it will be fetched again after a restart")
		}
	}
	m, ok := f.stored(info.SHA256, resolved.Reference)
	if !ok {
		return Module{}, failure.Transientf(v1alpha1.ReasonStoreFailed, "module %s was evicted at once", info.SHA256)
	}
	logger.Info("Fetched a module", "bytes", info.Size, "abi", info.ABI)
	return m, nil
}

// recall finds what this very source gave before. That the store has a module of
// the declared hash is not enough: others may have put it there.
func (f *Fetcher) recall(resolved *source.Resolved) (Module, bool) {
	if !resolved.Immutable {
		return Module{}, false
	}
	sha256, ok := f.o.Store.LookupSource(resolved.Key)
	if !ok {
		return Module{}, false
	}
	return f.stored(sha256, resolved.Reference)
}

func (f *Fetcher) stored(sha256, reference string) (Module, bool) {
	m, ok := f.o.Store.Use(sha256)
	return Module{SHA256: m.SHA256, Size: m.Size, ABI: m.ABI, Reference: reference, FetchedAt: m.FetchedAt}, ok
}
