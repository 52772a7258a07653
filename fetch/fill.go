// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/fetch/store"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxFills is how many modules are filled at once.
	maxFills = 32
	// maxFillsOfOne is how many of them may be for one namespace, or of modules that nothing references.
	maxFillsOfOne = maxFills / 2
	// unreferencedRate and unreferencedBurst are how often peers are asked for those, per second and at once.
	unreferencedRate  = 10
	unreferencedBurst = 50
)

// Fill brings the module of that sha256 into the store, unless it is there, and returns when it is: from a peer that
// has it, else from the source of an AutoWasm that references it. There is one fill per module; how it failed is
// remembered for some seconds.
//
// Errors are *failure.Error: v1alpha1.ReasonNotFound when nothing references the module and no peer has it,
// v1alpha1.ReasonPending when ctx ends first, which ends nothing, and otherwise what the sources say.
func (f *Fetcher) Fill(ctx context.Context, sha256 string) error {
	if _, ok := f.o.Store.Lookup(sha256); ok {
		return nil
	}
	if err := f.memory.failure(sha256); err != nil {
		return err
	}
	task, err := f.fills.start(ctx, sha256, ask{identity: identity{kind: "module", place: sha256}}, func(ctx context.Context) (Module, error) {
		return Module{}, f.fill(ctx, sha256)
	})
	if err != nil {
		return err
	}
	_, err = task.wait(ctx)
	return err
}

// fill is the task of a module.
func (f *Fetcher) fill(ctx context.Context, sha256 string) error {
	ctx, cancel := context.WithTimeout(ctx, f.o.FillTimeout)
	defer cancel()
	requests, err := requestsFor(ctx, f.o.Reader, sha256)
	if err != nil {
		return failure.Transientf(v1alpha1.ReasonUnavailable, "%w", err)
	}
	release, ok := f.filling.TryAcquire(namespacesOf(requests))
	if !ok {
		return failure.Transientf(v1alpha1.ReasonRateLimited, "fill module %s: %w", sha256, errShare)
	}
	defer release()
	if len(requests) == 0 && !f.unreferencedRate.Allow() {
		return failure.Transientf(v1alpha1.ReasonRateLimited, "too many modules are requested that nothing references, such as %s", sha256)
	}
	if f.copyFromPeers(ctx, sha256, store.Claim{Referenced: len(requests) > 0}) {
		return nil
	}
	if len(requests) == 0 {
		return failure.Terminalf(v1alpha1.ReasonNotFound, "fill module %s: %w", sha256, errUnreferenced)
	}
	return f.fetchAny(ctx, requests, sha256)
}

// namespacesOf returns who makes requests; "" is who requests what nothing references.
func namespacesOf(requests []source.Request) []string {
	if len(requests) == 0 {
		return []string{""}
	}
	namespaces := make([]string, len(requests))
	for i, r := range requests {
		namespaces[i] = r.Namespace
	}
	return namespaces
}

// These failures are not remembered, so that proxies get the module as soon as they can.
var (
	errUnreferenced = errors.New("nothing references it, and no peer has it") // it may come right afterwards
	errShare        = errors.New("too many other modules are being filled for the namespaces that reference it")
)

func (f *Fetcher) filled(sha256 string, err error) {
	f.metrics.filled(err)
	if err != nil && !errors.Is(err, errUnreferenced) && !errors.Is(err, errShare) {
		f.memory.addFailure(sha256, err)
	}
}

// copyFromPeers asks one peer after the other, and reports whether one had the module.
func (f *Fetcher) copyFromPeers(ctx context.Context, sha256 string, c store.Claim) bool {
	logger := log.FromContext(ctx).WithValues("sha256", sha256)
	urls, err := f.peers.Peers(ctx)
	if err != nil {
		logger.Error(err, "Cannot find the peers, asking the source")
		return false
	}
	for _, url := range urls {
		err := f.copyFrom(ctx, url, sha256, c)
		if err == nil {
			logger.Info("Copied a module from a peer", "peer", url)
			return true
		}
		if !errors.Is(err, peer.ErrNotFound) {
			logger.Info("Cannot copy a module from a peer", "peer", url, "err", err.Error())
		}
	}
	return false
}

// copyFrom streams a module from a peer into the store, which checks its hash.
func (f *Fetcher) copyFrom(ctx context.Context, url, sha256 string, c store.Claim) error {
	ctx, cancel := context.WithTimeout(ctx, f.o.PeerTimeout)
	defer cancel()
	body, err := f.peers.Module(ctx, url, sha256)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read
	_, err = f.o.Store.Put(ctx, body, sha256, c)
	return err
}

// fetchAny tries one source after the other. If all fail, a transient failure counts more than a terminal one.
func (f *Fetcher) fetchAny(ctx context.Context, requests []source.Request, sha256 string) error {
	var worst *failure.Error
	for _, r := range requests {
		m, err := f.Ensure(ctx, r)
		if err == nil && m.SHA256 == sha256 {
			return nil
		}
		if err == nil {
			err = failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s now holds module %s", m.Reference, m.SHA256)
		}
		if worst == nil || (worst.Terminal && !failure.Of(err).Terminal) {
			worst = failure.Wrapf(err, "fill module %s as AutoWasm %s/%s asks", sha256, r.Namespace, r.Name)
		}
	}
	return worst
}
