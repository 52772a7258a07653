// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/render"
)

// boundPin returns the module that aw is bound to by its status, nil when its source is to be resolved: it has not
// been yet, or a new generation resolves it again. So a tag is resolved once, and a tag that moves changes nothing.
func boundPin(aw *v1alpha1.AutoWasm) *source.Pin {
	from := aw.Spec.Filter.Source
	if source.ResolvesAgain(from) && !aw.IsConditionTrue(v1alpha1.ConditionSourceResolved) {
		return nil
	}
	return source.PinOf(from, aw.Status.Module)
}

// claimedReference returns the immutable reference that an EnvoyFilter of ours says it was rendered with for an equal
// spec, "" for none: it was staged at admission, or applied just before a crash. Whoever may write EnvoyFilters may
// have written it, so the source must provide it: the store may have the module for others with other credentials.
func claimedReference(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) string {
	if !ours(ef, aw) || !render.IsFor(ef, aw) {
		return ""
	}
	return render.ProvenanceOf(ef).Reference
}

// obtainer gets the module of an AutoWasm into the store.
type obtainer struct {
	fetcher Fetcher
	pending *pendingFetches
	now     func() time.Time
}

// resolve finds out what the source of aw is now, and fetches it. An image is asked for by the reference that is
// claimed, if any, as long as the source knows it: a tag that has moved since admission changes nothing.
func (o obtainer) resolve(ctx context.Context, aw *v1alpha1.AutoWasm, claimed string) (*v1alpha1.ModuleStatus, error) {
	m, err := o.ensure(ctx, aw, source.RequestFor(aw).Preferring(claimed))
	if err != nil {
		return nil, err
	}
	return newModuleStatus(aw, m), nil
}

// pinned makes sure that the store has the module that aw is bound to. One that it lacks, after a restart with an
// empty disk or on a new leader, comes from a peer or from the source by its immutable reference.
func (o obtainer) pinned(ctx context.Context, aw *v1alpha1.AutoWasm, p *source.Pin) (*v1alpha1.ModuleStatus, error) {
	if m := o.stored(aw, p); m != nil {
		return m, nil
	}
	o.fill(ctx, p.SHA256)
	if m := o.stored(aw, p); m != nil {
		return m, nil
	}
	r := source.RequestFor(aw).Exactly(*p)
	r.Referenced = true
	m, err := o.ensure(ctx, aw, r)
	if err != nil {
		return nil, err
	}
	if m.SHA256 != p.SHA256 {
		// What runs never changes by itself.
		return nil, failure.Terminalf(v1alpha1.ReasonDigestMismatch,
			"the module sha256:%s that this AutoWasm is bound to is lost, and its source now holds sha256:%s: change the source (another tag, key or sha256) to take that", p.SHA256, m.SHA256)
	}
	m.Reference = p.Reference
	return newModuleStatus(aw, m), nil
}

func (o obtainer) stored(aw *v1alpha1.AutoWasm, p *source.Pin) *v1alpha1.ModuleStatus {
	info, ok := o.fetcher.Lookup(p.SHA256)
	if !ok {
		return nil
	}
	return newModuleStatus(aw, fetch.Module{Info: info, Reference: p.Reference, FetchedAt: o.now()})
}

// fill is a best effort within the wait: the prefetcher goes on for longer.
func (o obtainer) fill(ctx context.Context, sha256 string) {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	if err := o.fetcher.Fill(ctx, sha256); err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("Cannot fill a module yet, asking its source", "sha256", sha256, "err", err.Error())
	}
}

func newModuleStatus(aw *v1alpha1.AutoWasm, m fetch.Module) *v1alpha1.ModuleStatus {
	fetched := metav1.NewTime(m.FetchedAt.Truncate(time.Second))
	return &v1alpha1.ModuleStatus{
		SHA256:    m.SHA256,
		Size:      m.Size,
		ABI:       m.ABI,
		Reference: m.Reference,
		Source:    source.SourceID(aw.Spec.Filter.Source),
		FetchedAt: &fetched,
	}
}

// errFetching says that the module has not come within the wait. The end of its fetch enqueues the AutoWasm.
var errFetching = failure.Transientf(v1alpha1.ReasonPending, "the module is being fetched")

// ensure returns the module of a request if it comes within the wait, and otherwise errFetching. The next ensure for
// the same generation and request returns how the fetch has ended: so a slow failure is reported and backed off from.
func (o obtainer) ensure(ctx context.Context, aw *v1alpha1.AutoWasm, r source.Request) (fetch.Module, error) {
	waiting, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	key := client.ObjectKeyFromObject(aw)
	for {
		p := o.pending.join(ctx, key, aw.Generation, r)
		select {
		case <-p.task.Done():
		case <-waiting.Done():
		}
		if !o.pending.take(key, p) {
			return fetch.Module{}, errFetching
		}
		if m, err := p.task.Result(); err == nil || !p.again {
			return m, err
		}
	}
}

// pendingFetches are those that AutoWasms wait for, at most one each. They belong to the Fetcher, which shares them.
type pendingFetches struct {
	fetcher Fetcher
	enqueue func(types.NamespacedName)

	mu    sync.Mutex // not held across I/O; one key is not reconciled twice at once
	byKey map[types.NamespacedName]*pendingFetch
}

type pendingFetch struct {
	generation int64
	request    source.Request
	task       *fetch.Task
	// awaited says that the end of the task enqueues the AutoWasm.
	awaited bool
	// again says that it was joined since it began: what failed may be right by now, as when a ConfigMap has arrived.
	again bool
}

func newPendingFetches(fetcher Fetcher, enqueue func(types.NamespacedName)) *pendingFetches {
	return &pendingFetches{fetcher: fetcher, enqueue: enqueue, byKey: map[types.NamespacedName]*pendingFetch{}}
}

// join returns the fetch of key for an equal request, or begins one.
func (p *pendingFetches) join(ctx context.Context, key types.NamespacedName, generation int64, r source.Request) *pendingFetch {
	p.mu.Lock()
	known := p.byKey[key]
	p.mu.Unlock()
	if known != nil && known.generation == generation && equality.Semantic.DeepEqual(known.request, r) {
		known.again = known.again || !known.done()
		return known
	}
	begun := &pendingFetch{generation: generation, request: r, task: p.fetcher.Begin(ctx, r)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byKey[key] = begun
	return begun
}

// take reports whether a fetch has ended, and forgets it if so. The end of one that has not will enqueue key.
func (p *pendingFetches) take(key types.NamespacedName, f *pendingFetch) bool {
	if f.done() {
		p.forget(key)
		return true
	}
	if !f.awaited {
		f.awaited = true
		f.task.AfterDone(func() { p.enqueue(key) })
	}
	return false
}

// forget drops the fetch that key waits for. It ends nothing.
func (p *pendingFetches) forget(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byKey, key)
}

func (f *pendingFetch) done() bool {
	select {
	case <-f.task.Done():
		return true
	default:
		return false
	}
}
