// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// asked lets through what a user did to an AutoWasm, and the removal of its status, but not our writes of that.
var asked = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld, e.ObjectNew
		return before.GetGeneration() != after.GetGeneration() ||
			before.GetUID() != after.GetUID() ||
			before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero() ||
			!maps.Equal(before.GetLabels(), after.GetLabels()) ||
			!maps.Equal(before.GetAnnotations(), after.GetAnnotations()) ||
			unobserved(after)
	},
}

func unobserved(object client.Object) bool {
	aw, ok := object.(*v1alpha1.AutoWasm)
	return ok && aw.Status.ObservedGeneration <= 0
}

// moduleChanged lets through AutoWasms whose module is not the one it was.
var moduleChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.AutoWasm)
		after, also := e.ObjectNew.(*v1alpha1.AutoWasm)
		return ok && also && sha256Of(before.Status.Module) != sha256Of(after.Status.Module)
	},
}

// leftOrChanged lets through AutoWasms that are deleted or get another spec: what was staged for them may be orphaned.
var leftOrChanged = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() || e.ObjectOld.GetUID() != e.ObjectNew.GetUID()
	},
}

// labelled lets through EnvoyFilters that say that they are ours.
var labelled = predicate.NewPredicateFuncs(func(object client.Object) bool { return render.IsLabelled(object) })

// sameName finds the AutoWasm of an EnvoyFilter, and the other way round: they share their name. A foreign
// EnvoyFilter maps to the AutoWasm that it stands in the way of.
var sameName = &handler.EnqueueRequestForObject{}

// dependents finds the AutoWasms that depend on an object of their namespace, through a field index.
func dependents(reader client.Reader, index string) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		var list v1alpha1.AutoWasmList
		err := reader.List(ctx, &list, client.InNamespace(object.GetNamespace()), client.MatchingFields{index: object.GetName()})
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Failed to find the AutoWasms that depend on an object; they are retried later", "index", index, "object", client.ObjectKeyFromObject(object))
			return nil
		}
		requests := make([]reconcile.Request, len(list.Items))
		for i := range list.Items {
			requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
		}
		return requests
	}
}

// The field indexes by which an AutoWasm is found from the name of what it depends on.
const indexConfigMap = "spec.filter.source.configMap.name"

func configMapOf(object client.Object) []string {
	aw, ok := object.(*v1alpha1.AutoWasm)
	if !ok || aw.Spec.Filter.Source.ConfigMap == nil {
		return nil
	}
	return []string{aw.Spec.Filter.Source.ConfigMap.Name}
}

// addIndexes must run before the cache starts.
func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, &v1alpha1.AutoWasm{}, indexConfigMap, configMapOf); err != nil {
		return fmt.Errorf("index AutoWasms by %s: %w", indexConfigMap, err)
	}
	return nil
}

// enqueuer puts an AutoWasm into the reconciler's queue when something that it waits for has changed. Before the
// reconciler runs, because this replica does not lead, calls do nothing: it begins with every AutoWasm anyway.
type enqueuer struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// start is the source.Func that takes the queue.
func (e *enqueuer) start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = queue
	return nil
}

// enqueue never blocks.
func (e *enqueuer) enqueue(key types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.queue != nil {
		e.queue.Add(reconcile.Request{NamespacedName: key})
	}
}
