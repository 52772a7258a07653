package controller

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
)

// obtainer gets the module of an AutoWasm into the store.
type obtainer struct {
	fetcher    Fetcher
	filler     Filler
	background *background
	wait       time.Duration
	now        func() time.Time
}

// resolve finds out what the source of aw is now, and fetches it. An image is asked
// for by the reference that is claimed, if any, as long as the source knows it: a tag
// that has moved since admission changes nothing.
func (o obtainer) resolve(ctx context.Context, aw *v1alpha1.AutoWasm, claimed string) (*v1alpha1.ModuleStatus, error) {
	m, err := o.ensure(ctx, aw, source.RequestFor(aw).Preferring(claimed))
	if err != nil {
		return nil, err
	}
	return o.status(aw, m), nil
}

// pinned makes sure that the store has the module that aw is bound to. One that
// it lacks, after a restart with an empty disk or on a new leader, comes from
// another replica or from the source by its immutable reference.
func (o obtainer) pinned(ctx context.Context, aw *v1alpha1.AutoWasm, p *source.Pin) (*v1alpha1.ModuleStatus, error) {
	if m := o.stored(aw, p); m != nil {
		return m, nil
	}
	o.fill(ctx, p.SHA256)
	if m := o.stored(aw, p); m != nil {
		return m, nil
	}
	m, err := o.ensure(ctx, aw, source.RequestFor(aw).Exactly(*p))
	if err != nil {
		return nil, err
	}
	if m.SHA256 != p.SHA256 {
		return nil, moved(p, m)
	}
	m.Reference = p.Reference
	return o.status(aw, m), nil
}

// moved is what is left to say when the module that runs is nowhere to be had any
// more and its source holds another one: what runs never changes by itself.
func moved(p *source.Pin, m fetch.Module) error {
	return failure.Terminalf(v1alpha1.ReasonDigestMismatch,
		"the module sha256:%s that this AutoWasm is bound to is lost, and its source now holds sha256:%s: name the source anew (another tag, key or sha256) to take that", p.SHA256, m.SHA256)
}

// fill is a best effort within the wait: the prefetcher goes on for longer.
func (o obtainer) fill(ctx context.Context, sha256 string) {
	if o.filler == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	if err := o.filler.Fill(ctx, sha256); err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("no other replica gave the module yet; asking its source", "sha256", sha256, "reason", err.Error())
	}
}

func (o obtainer) ensure(ctx context.Context, aw *v1alpha1.AutoWasm, requests ...source.Request) (fetch.Module, error) {
	return o.background.ensure(ctx, client.ObjectKeyFromObject(aw), aw.Generation, o.wait, requests...)
}

func (o obtainer) stored(aw *v1alpha1.AutoWasm, p *source.Pin) *v1alpha1.ModuleStatus {
	info, ok := o.fetcher.Lookup(p.SHA256)
	if !ok {
		return nil
	}
	return o.status(aw, fetch.Module{SHA256: info.SHA256, Size: info.Size, ABI: info.ABI, Reference: p.Reference, FetchedAt: o.now()})
}

func (o obtainer) status(aw *v1alpha1.AutoWasm, m fetch.Module) *v1alpha1.ModuleStatus {
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
