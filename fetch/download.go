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

// fetch returns the module of a resolved source: the one it gave before, or what
// is downloaded now.
func (f *Fetcher) fetch(ctx context.Context, a ask, resolved *source.Resolved) (Module, error) {
	if m, ok := f.recall(resolved); ok {
		return m, nil
	}
	for joins := 1; ; joins++ {
		flight, started, err := f.boardDownload(ctx, a, resolved)
		if err != nil {
			return Module{}, err
		}
		if !flight.wait(ctx) {
			return Module{}, f.ended(ctx, a.identity, context.Cause(ctx))
		}
		others := !started && flight.by.credentials != a.credentials
		if flight.err == nil || !others || joins == maxJoins {
			return flight.module, flight.err
		}
	}
}

// boardDownload joins a download that is under way, or starts one in its turn. The
// turn is waited for before there is anything to join: nobody joins a download
// that waits in another namespace's queue.
func (f *Fetcher) boardDownload(ctx context.Context, a ask, resolved *source.Resolved) (*flight, bool, error) {
	if under := f.downloads.find(resolved.Key); under != nil {
		return under, false, nil
	}
	leave, err := f.turn(ctx, f.fetching, a)
	if err != nil {
		return nil, false, err
	}
	flight, started, err := f.downloads.board(ctx, resolved.Key, a.starter(), func(ctx context.Context) (Module, error) {
		defer leave()
		return f.download(ctx, a.identity, resolved)
	})
	if !started {
		leave()
	}
	return flight, started, err
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

// download streams the module into the store, unless somebody else has done so
// while this one waited for its turn.
func (f *Fetcher) download(ctx context.Context, id identity, resolved *source.Resolved) (m Module, err error) {
	if m, ok := f.recall(resolved); ok {
		return m, nil
	}
	err = f.bounded(ctx, id, func(ctx context.Context) (err error) {
		m, err = f.transfer(ctx, resolved)
		return err
	})
	return m, err
}

func (f *Fetcher) transfer(ctx context.Context, resolved *source.Resolved) (Module, error) {
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
			logger.Error(err, "the module will be fetched again after a restart")
		}
	}
	m, ok := f.stored(info.SHA256, resolved.Reference)
	if !ok {
		return Module{}, failure.Transientf(v1alpha1.ReasonStoreFailed, "module %s was evicted at once", info.SHA256)
	}
	logger.Info("fetched a module", "bytes", info.Size, "abi", info.ABI)
	return m, nil
}
