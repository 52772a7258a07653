// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
	"github.com/autowasm/autowasm/internal/text"
)

// Name is that of the controller, in logs and metrics.
const Name = "autowasm-preflight"

// delay is how long changes are gathered before the AutoWasms that they may concern are checked.
const delay = 10 * time.Second

// Reconciler finds the AutoWasms whose findings are not those of their status any more, because Pods, Services or
// objects of Istio's have changed. It runs on the leader, and writes nothing. Namespaces without changes cost nothing.
type Reconciler struct {
	loader   *Loader
	cache    client.Reader
	onChange func(types.NamespacedName)
}

// scope is what the Reconciler works on: AutoWasms that a change may concern.
type scope struct {
	// namespace of the AutoWasms, "" for all.
	namespace string
	// outbound ones only: a Service has changed, which all may call.
	outbound bool
}

// NewReconciler makes a Reconciler. The cache must hold AutoWasms and what the loader reads.
func NewReconciler(cache client.Reader, loader *Loader) *Reconciler {
	return &Reconciler{loader: loader, cache: cache, onChange: func(types.NamespacedName) {}}
}

// OnChange has f called with each AutoWasm whose Condition has changed. f must not block. It is set before the
// Reconciler runs.
func (r *Reconciler) OnChange(f func(types.NamespacedName)) { r.onChange = f }

// Condition returns PreflightPassed of aw as it is now, without its generation and times; nil while the cache cannot
// be read. It changes neither the phase nor whether aw is Ready: it is why a filter may not do what it is for.
func (r *Reconciler) Condition(ctx context.Context, aw *v1alpha1.AutoWasm) *metav1.Condition {
	findings, err := r.loader.Findings(ctx, aw)
	if err != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("Cannot check what the filter meets; the status keeps the former findings", "err", err.Error())
		return nil
	}
	c := &metav1.Condition{
		Type: v1alpha1.ConditionPreflightPassed, Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReasonNothingFound),
		Message: "nothing in the cluster is known to keep the filter from running",
	}
	if len(findings) > 0 {
		c.Status, c.Reason = metav1.ConditionFalse, string(findings[0].Reason)
		c.Message = text.Truncate(message(findings), v1alpha1.MaxMessageBytes)
	}
	return c
}

// Refusal returns why the filter of aw must not come to the proxies that have none yet; "" when it may, and while that is
// not known.
func (r *Reconciler) Refusal(ctx context.Context, aw *v1alpha1.AutoWasm) string {
	if r.loader.UntestedProxies != RefuseUntested {
		return ""
	}
	findings, err := r.loader.Findings(ctx, aw)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("Cannot check the versions of the proxies, so they are taken as tested", "err", err.Error())
	}
	for _, f := range findings {
		if f.Refused {
			return f.Message + RefusedBy
		}
	}
	return ""
}

// RefusedBy is what the message of a refused finding ends with.
const RefusedBy = "; wasmer runs with --untested-proxies=Refuse"

// SetupWithManager adds the controller to mgr. It watches the kinds that there are, and each that comes from when it does.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	c, err := controller.NewTyped(Name, mgr, controller.TypedOptions[scope]{Reconciler: r})
	if err != nil {
		return fmt.Errorf("set up the reconciler of preflight findings: %w", err)
	}
	for _, gvk := range r.loader.Kinds.all() {
		if err := c.Watch(r.source(mgr.GetCache(), gvk)); err != nil {
			return fmt.Errorf("watch %s for preflight findings: %w", gvk.GroupKind(), err)
		}
	}
	r.loader.Kinds.onAdd(func(gvk schema.GroupVersionKind) {
		if err := c.Watch(r.source(mgr.GetCache(), gvk)); err != nil {
			ctrl.Log.Error(err, "Cannot watch a kind: findings about it reach the status late", "kind", gvk.GroupKind())
		}
	})
	return nil
}

func (r *Reconciler) source(c cache.Cache, gvk schema.GroupVersionKind) source.TypedSource[scope] {
	return source.TypedKind(c, objectOf(gvk), r.handler(gvk.GroupKind()), predicate.Funcs{UpdateFunc: matters})
}

// handler enqueues the scopes that a change of an object of a kind may concern.
func (r *Reconciler) handler(kind schema.GroupKind) handler.TypedEventHandler[client.Object, scope] {
	enqueue := func(object client.Object, queue workqueue.TypedRateLimitingInterface[scope]) {
		for _, s := range r.concerned(kind, object.GetNamespace()) {
			queue.AddAfter(s, delay)
		}
	}
	return handler.TypedFuncs[client.Object, scope]{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[scope]) {
			enqueue(e.Object, q)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[scope]) {
			enqueue(e.ObjectNew, q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[scope]) {
			enqueue(e.Object, q)
		},
	}
}

// concerned returns whom a change concerns: those of the namespace, those who call it, or all, when the namespace is
// Istio's root or the module server's.
func (r *Reconciler) concerned(kind schema.GroupKind, namespace string) []scope {
	o := r.loader.Options
	switch {
	case namespace == o.RootNamespace, namespace == istio.NamespaceOf(o.Host):
		return []scope{{}}
	case kind == Services, kind == ServiceEntries:
		return []scope{{namespace: namespace}, {outbound: true}}
	default:
		return []scope{{namespace: namespace}}
	}
}

// matters leaves out resyncs, and what happens to a Pod all the time: only its labels, and whether it ends, count.
func matters(e event.UpdateEvent) bool {
	old, ok := e.ObjectOld.(*corev1.Pod)
	pod, also := e.ObjectNew.(*corev1.Pod)
	if !ok || !also {
		return e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion()
	}
	return !maps.Equal(old.Labels, pod.Labels) || mesh.Ends(old) != mesh.Ends(pod)
}

// Reconcile implements reconcile.TypedReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, s scope) (reconcile.Result, error) {
	var list v1alpha1.AutoWasmList
	if err := r.cache.List(ctx, &list, client.InNamespace(s.namespace), client.UnsafeDisableDeepCopy); err != nil {
		return reconcile.Result{}, fmt.Errorf("list the AutoWasms to check again: %w", err)
	}
	for i := range list.Items {
		aw := &list.Items[i]
		if ctx.Err() != nil {
			return reconcile.Result{}, nil
		}
		if (!s.outbound || aw.Spec.Filter.Context == v1alpha1.Outbound) && r.outdated(ctx, aw) {
			r.onChange(client.ObjectKeyFromObject(aw))
		}
	}
	return reconcile.Result{}, nil
}

// outdated reports whether the status of aw has other findings than there are. One that has no EnvoyFilter yet is
// left to its own retries, which back off from its source, unless a finding is why it has none.
func (r *Reconciler) outdated(ctx context.Context, aw *v1alpha1.AutoWasm) bool {
	if !aw.IsConditionTrue(v1alpha1.ConditionEnvoyFilterApplied) && !isRefused(aw) {
		return false
	}
	now := r.Condition(ctx, aw)
	if now == nil {
		return false
	}
	before := meta.FindStatusCondition(aw.Status.Conditions, now.Type)
	return before == nil || before.Status != now.Status || before.Reason != now.Reason || before.Message != now.Message
}

// isRefused reports whether, by the status of aw, a finding keeps its filter from the proxies.
func isRefused(aw *v1alpha1.AutoWasm) bool {
	applied := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionEnvoyFilterApplied)
	return applied != nil && applied.Reason == string(v1alpha1.ReasonUntestedProxies)
}
