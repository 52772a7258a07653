// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

const (
	// arrivalInterval is how often the API server is polled for the kinds that the cluster lacks, by two requests.
	arrivalInterval = 30 * time.Second
	// arrivalTimeout is how long the cache may take to be filled with one.
	arrivalTimeout = time.Minute
)

// Arrivals polls for the kinds that the cluster lacks until it has all of them, as when Istio is installed after wasmer: it
// has the cache watch each that comes, and then adds it to Kinds. It runs on every replica.
type Arrivals struct {
	// Config reaches the API server. Required.
	Config *rest.Config
	// Cache has Trim as its default transform. Required.
	Cache cache.Cache
	// Kinds are added to. Required.
	Kinds *Kinds

	interval time.Duration
}

// NeedLeaderElection is false: every replica warns at admission.
func (a *Arrivals) NeedLeaderElection() bool { return false }

// Start returns when no kind is absent any more, or ctx ends.
func (a *Arrivals) Start(ctx context.Context) error {
	interval := a.interval
	if interval == 0 {
		interval = arrivalInterval
	}
	for len(a.Kinds.allAbsent()) > 0 {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
		if err := a.poll(ctx); err != nil && ctx.Err() == nil {
			ctrl.Log.Info("Cannot poll for the kinds that the cluster lacked, trying again", "err", err.Error())
		}
	}
	return nil
}

// poll adds the kinds that have come.
func (a *Arrivals) poll(ctx context.Context) error {
	d, err := newDiscovery(a.Config)
	if err != nil {
		return err
	}
	for _, kind := range a.Kinds.allAbsent() {
		gvk, err := d.find(ctx, kind)
		switch {
		case errors.Is(err, errAbsent):
			continue
		case errors.Is(err, errForbidden):
			logForbidden(kind, err)
			a.Kinds.forget(kind)
			continue
		case err == nil:
			err = a.watch(ctx, gvk)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watch adds a kind once the cache has its objects: no admission waits for them.
func (a *Arrivals) watch(ctx context.Context, gvk schema.GroupVersionKind) error {
	filling, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	if _, err := a.Cache.GetInformer(filling, objectOf(gvk)); err != nil {
		return fmt.Errorf("cache %s: %w", gvk.GroupKind(), err)
	}
	a.Kinds.add(gvk)
	ctrl.Log.Info("The cluster has the kind now, so findings about it are made", "kind", gvk.GroupKind())
	return nil
}
