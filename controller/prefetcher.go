// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// prefetcher runs on every replica and brings every module that an AutoWasm references into the replica's own store.
type prefetcher struct {
	cache   client.Reader
	fetcher Fetcher
	retries retries
	// filled is called with each AutoWasm whose module has come.
	filled func(types.NamespacedName)
}

// Reconcile implements reconcile.Reconciler; the request names an AutoWasm.
func (p *prefetcher) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	sha256, err := p.wanted(ctx, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if _, ok := p.fetcher.Lookup(sha256); ok || sha256 == "" {
		p.retries.forget(req.NamespacedName)
		return reconcile.Result{}, nil
	}
	if err := p.fetcher.Fill(ctx, sha256); err != nil {
		ctrl.LoggerFrom(ctx).Info("Cannot fill a module yet", "sha256", sha256, "err", err.Error())
		return p.retries.after(req.NamespacedName, transient(err)), nil
	}
	p.retries.forget(req.NamespacedName)
	p.filled(req.NamespacedName)
	return reconcile.Result{}, nil
}

// wanted returns the sha256 of the module that the AutoWasm's status references, "" for none.
func (p *prefetcher) wanted(ctx context.Context, key types.NamespacedName) (string, error) {
	var aw v1alpha1.AutoWasm
	err := p.cache.Get(ctx, key, &aw)
	if apierrors.IsNotFound(err) || (err == nil && !aw.DeletionTimestamp.IsZero()) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read AutoWasm %s: %w", key, err)
	}
	return sha256Of(aw.Status.Module), nil
}

// transient makes a failure transient: the leader resolves a module that no replica has, and then one has it.
func transient(err error) *failure.Error {
	f := *failure.Of(err)
	f.Terminal = false
	return &f
}
