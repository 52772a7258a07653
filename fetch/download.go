// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxJoins is how often a request joins a download that fails with others' credentials before that is its own answer.
const maxJoins = 3

// download returns the module of a resolved source, which is downloaded once for all whose sources resolve to the
// same. The limiter comes first: no request joins a download that waits in another namespace's queue.
func (f *Fetcher) download(ctx context.Context, a ask, resolved *source.Resolved) (Module, error) {
	for joins := 1; ; joins++ {
		task := f.downloads.find(resolved.Key)
		if task == nil {
			release, err := f.acquire(ctx, f.downloading, a)
			if err != nil {
				return Module{}, err
			}
			var added bool
			if task, added, err = f.downloads.add(resolved.Key, a); added {
				defer release()
				return f.transfer(ctx, a, resolved, task)
			}
			release()
			if err != nil {
				return Module{}, err
			}
		}
		m, err := task.wait(ctx)
		if err == nil || task.of.credentials == a.credentials || joins == maxJoins {
			return m, f.interrupted(ctx, a, err)
		}
	}
}

// transfer is the task of a download, in the goroutine of the request that began it.
func (f *Fetcher) transfer(ctx context.Context, a ask, resolved *source.Resolved, task *Task) (Module, error) {
	ctx, cancel := f.bounded(ctx)
	defer cancel()
	f.downloads.run(ctx, resolved.Key, task, func(ctx context.Context) (Module, error) {
		m, err := f.put(ctx, a, resolved)
		return m, f.interrupted(ctx, a, err)
	})
	return task.Result()
}

// put has the module in the store: from another replica that got it from this source, else from the source. Another
// request may have done so while this one waited for the limiter.
func (f *Fetcher) put(ctx context.Context, a ask, resolved *source.Resolved) (Module, error) {
	if m, ok := f.recall(resolved); ok {
		return m, nil
	}
	if f.o.Shared == nil || !resolved.Immutable || a.kind == "configMap" { // which is read from the API server anyway
		return f.fromSource(ctx, a, resolved)
	}
	if m, ok := f.fromReplica(ctx, a, resolved); ok {
		return m, nil
	}
	m, err := f.fromSource(ctx, a, resolved)
	f.o.Shared.Settle(ctx, resolved.Key, m.SHA256)
	return m, err
}

// fromReplica copies the module from another replica, to which this very source gave it.
func (f *Fetcher) fromReplica(ctx context.Context, a ask, resolved *source.Resolved) (Module, bool) {
	sha256 := f.o.Shared.Claim(ctx, resolved.Key)
	if sha256 == "" {
		return Module{}, false
	}
	if _, ok := f.o.Store.Use(sha256); !ok {
		if !f.copyFromPeers(ctx, sha256, a.claim()) {
			return Module{}, false
		}
		f.metrics.filled(nil)
	}
	f.remember(ctx, resolved, sha256)
	return f.stored(sha256, resolved.Reference)
}

// fromSource streams the module into the store.
func (f *Fetcher) fromSource(ctx context.Context, a ask, resolved *source.Resolved) (m Module, err error) {
	defer func() { f.metrics.downloaded(err) }()
	body, err := resolved.Open(ctx)
	if err != nil {
		return Module{}, err
	}
	defer body.Close() //nolint:errcheck // only read, and read to its end
	info, err := f.o.Store.Put(ctx, body, resolved.SHA256, a.claim())
	if err != nil {
		return Module{}, failure.Wrapf(err, "fetch %s", resolved.Reference)
	}
	f.remember(ctx, resolved, info.SHA256)
	m, ok := f.stored(info.SHA256, resolved.Reference)
	if !ok {
		return Module{}, failure.Transientf(v1alpha1.ReasonStoreFailed, "module %s was evicted at once", info.SHA256)
	}
	log.FromContext(ctx).Info("Fetched a module", "reference", resolved.Reference, "sha256", info.SHA256, "bytes", info.Size, "abi", info.ABI)
	return m, nil
}

// remember adds that an immutable source gave a module.
func (f *Fetcher) remember(ctx context.Context, resolved *source.Resolved, sha256 string) {
	if !resolved.Immutable {
		return
	}
	if err := f.o.Store.AddSource(resolved.Key, sha256); err != nil {
		log.FromContext(ctx).Error(err, "Cannot remember the source of a module, it will be fetched again after a restart",
			"reference", resolved.Reference, "sha256", sha256)
	}
}

// recall finds what this very source gave before: a module of the declared hash may be there from others.
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
	return Module{Info: m.Info, Reference: reference, FetchedAt: m.FetchedAt}, ok
}
