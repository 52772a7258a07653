// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/fairworkers"
	"github.com/autowasm/autowasm/internal/istio"
)

// The names of the controllers, in logs and metrics.
const (
	reconcilerName = "autowasm"
	sweeperName    = "autowasm-sweeper"
	prefetcherName = "autowasm-prefetcher"
)

// SetupWithManager adds the controllers to mgr: the reconciler and the sweeper run on the leader, the prefetcher on
// every replica. It adds field indexes and must be called once, before mgr starts. It fails on incomplete options and
// when mgr's scheme lacks AutoWasm.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return err
	}
	if o.Events == nil {
		o.Events = mgr.GetEventRecorder(reconcilerName)
	}
	if err := addIndexes(context.Background(), mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if o.Metrics != nil {
		if err := o.Metrics.Register(newAutoWasms(mgr.GetCache(), mgr.Elected())); err != nil {
			return fmt.Errorf("register the metric of AutoWasms: %w", err)
		}
	}
	queue := &enqueuer{}
	if err := setupReconciler(mgr, o, queue); err != nil {
		return fmt.Errorf("set up the reconciler of AutoWasms: %w", err)
	}
	if err := setupSweeper(mgr, o); err != nil {
		return fmt.Errorf("set up the sweeper of staged EnvoyFilters: %w", err)
	}
	if err := setupPrefetcher(mgr, o, queue); err != nil {
		return fmt.Errorf("set up the prefetcher of modules: %w", err)
	}
	return nil
}

func setupReconciler(mgr ctrl.Manager, o Options, queue *enqueuer) error {
	cache := mgr.GetCache()
	if o.Proxies != nil {
		o.Proxies.OnChange(queue.enqueue)
	}
	if o.Preflight != nil {
		o.Preflight.OnChange(queue.enqueue)
	}
	r := newReconciler(mgr.GetClient(), cache, mgr.GetAPIReader(), queue.enqueue, o)
	if err := mgr.Add(r.secrets); err != nil {
		return err
	}
	fair := fairworkers.New(r, workers)
	return ctrl.NewControllerManagedBy(mgr).
		Named(reconcilerName).
		For(&v1alpha1.AutoWasm{}, builder.WithPredicates(asked)).
		Watches(istio.NewEnvoyFilter(), sameName, builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(dependents(cache, indexConfigMap)), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WatchesRawSource(source.Func(queue.start)).
		WatchesRawSource(fair).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(fair)
}

func setupSweeper(mgr ctrl.Manager, o Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named(sweeperName).
		For(istio.NewEnvoyFilter(), builder.WithPredicates(predicate.And(labelled, predicate.ResourceVersionChangedPredicate{}))).
		Watches(&v1alpha1.AutoWasm{}, sameName, builder.WithPredicates(leftOrChanged)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1}). // it keeps what it has observed without a lock
		Complete(&sweeper{
			client:   mgr.GetClient(),
			cache:    mgr.GetCache(),
			live:     mgr.GetAPIReader(),
			grace:    o.SweepGrace,
			events:   o.Events,
			now:      o.Now,
			observed: map[types.NamespacedName]firstTime{},
		})
}

func setupPrefetcher(mgr ctrl.Manager, o Options, queue *enqueuer) error {
	fair := fairworkers.New(&prefetcher{
		cache:   mgr.GetCache(),
		fetcher: o.Fetcher,
		retries: newRetries(),
		filled:  queue.enqueue,
	}, workers)
	return ctrl.NewControllerManagedBy(mgr).
		Named(prefetcherName).
		For(&v1alpha1.AutoWasm{}, builder.WithPredicates(moduleChanged)).
		WatchesRawSource(fair).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, NeedLeaderElection: new(false)}).
		Complete(fair)
}
