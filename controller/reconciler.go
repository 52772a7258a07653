// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/validation"
)

// reconciler brings one AutoWasm at a time to what its spec says. Each reconcile starts from what the cluster says
// and remembers nothing but how often it failed, so that it can be cut off anywhere.
type reconciler struct {
	o        Options
	client   client.Client
	cache    client.Reader
	live     client.Reader
	obtain   obtainer
	converge converger
	retries  retries
	secrets  *secretPoller
	tryer    *tryer
}

func newReconciler(c client.Client, cache, live client.Reader, enqueue func(types.NamespacedName), o Options) *reconciler {
	return &reconciler{
		o:        o,
		client:   c,
		cache:    cache,
		live:     live,
		obtain:   obtainer{fetcher: o.Fetcher, pending: newPendingFetches(o.Fetcher, enqueue), now: o.Now},
		converge: converger{client: c, live: live},
		retries:  newRetries(),
		secrets:  newSecretPoller(live, enqueue, o.Now),
		tryer:    newTryer(o.Trials, enqueue, o.Now),
	}
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var aw v1alpha1.AutoWasm
	err := r.cache.Get(ctx, req.NamespacedName, &aw)
	if apierrors.IsNotFound(err) || (err == nil && !aw.DeletionTimestamp.IsZero()) {
		// The garbage collector removes an adopted EnvoyFilter, the sweeper a staged one.
		return r.forget(req.NamespacedName), nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("read AutoWasm %s: %w", req.NamespacedName, err)
	}
	out, err := r.advance(ctx, &aw)
	r.awaitSecret(&aw, out)
	if err == nil {
		if r.o.Preflight != nil {
			out.preflight = r.o.Preflight.Condition(ctx, &aw)
		}
		out.configValid = r.configValid(&aw, out.module)
		out.trial = r.tryer.try(&aw, out.module)
		err = r.report(ctx, &aw, out)
	}
	result, err := r.next(ctx, req.NamespacedName, out, err)
	if err != nil {
		return result, err
	}
	return sooner(result, out.trial.again), nil
}

// advance takes aw as far as it gets.
func (r *reconciler) advance(ctx context.Context, aw *v1alpha1.AutoWasm) (outcome, error) {
	ef, err := r.presentEnvoyFilter(ctx, client.ObjectKeyFromObject(aw))
	if err != nil {
		return outcome{}, err
	}
	out := outcome{}.found(ef, aw)
	if err := r.checkSpec(aw); err != nil {
		return out.failed(stageSpec, err), nil
	}
	out = r.module(ctx, aw, ef, out)
	if out.failure != nil {
		return out, ctx.Err() // a shutdown says nothing about the source
	}
	return r.envoyFilter(ctx, aw, ef, out)
}

// checkSpec holds an object that came to be without the webhook to its rules.
func (r *reconciler) checkSpec(aw *v1alpha1.AutoWasm) error {
	errs, _ := validation.Validate(aw, validation.Options{OwnNamespace: r.o.OwnNamespace, RootNamespace: r.o.RootNamespace})
	if len(errs) == 0 {
		return nil
	}
	return failure.Terminalf(v1alpha1.ReasonInvalidSpec, "%w", errs.ToAggregate())
}

// presentEnvoyFilter reads the cache, and the API server itself before it believes that there is none: the cache may
// be behind, or may not hold foreign EnvoyFilters at all.
func (r *reconciler) presentEnvoyFilter(ctx context.Context, key types.NamespacedName) (*unstructured.Unstructured, error) {
	ef, err := readEnvoyFilter(ctx, r.cache, key)
	if err != nil || ef != nil {
		return ef, err
	}
	return readEnvoyFilter(ctx, r.live, key)
}

// module has the module of aw in the store, or fails: no EnvoyFilter may name one that the server cannot serve.
func (r *reconciler) module(ctx context.Context, aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured, out outcome) outcome {
	var err error
	if p := boundPin(aw); p != nil {
		out.pinned = p.SHA256
		if out.module, err = r.obtain.pinned(ctx, aw, p); err != nil {
			return out.failed(stageModule, err)
		}
		out.missingSecret = r.missingSecret(ctx, aw)
		return out
	}
	if out.module, err = r.obtain.resolve(ctx, aw, claimedReference(aw, ef)); err != nil {
		return out.failed(stageSource, err)
	}
	out.pinned = out.module.SHA256
	return out
}

// missingSecret returns the name of aw's pull secret if there is no such Secret, else "".
func (r *reconciler) missingSecret(ctx context.Context, aw *v1alpha1.AutoWasm) string {
	name := aw.Spec.Secret
	if name == "" || !r.secrets.missing(ctx, types.NamespacedName{Namespace: aw.Namespace, Name: name}) {
		return ""
	}
	return name
}

// awaitSecret has aw reconciled when its pull secret changes, while a change may help.
func (r *reconciler) awaitSecret(aw *v1alpha1.AutoWasm, out outcome) {
	key, failed := client.ObjectKeyFromObject(aw), out.failure != nil && (out.stage == stageSource || out.stage == stageModule)
	switch {
	case out.failure == errFetching: // it is not known yet
	case aw.Spec.Secret != "" && (failed || out.missingSecret != ""):
		r.secrets.await(key, aw.Spec.Secret)
	default:
		r.secrets.forget(key)
	}
}

// envoyFilter has the EnvoyFilter of aw in the cluster, or fails.
func (r *reconciler) envoyFilter(ctx context.Context, aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured, out outcome) (outcome, error) {
	wanted, err := wantedEnvoyFilter(aw, out.module, r.reload(aw, ef), r.o.Render)
	if err != nil {
		return out.failed(stageEnvoyFilter, failure.Terminalf(v1alpha1.ReasonRenderFailed, "%w", err)), nil
	}
	if err := r.refused(ctx, aw, ef, wanted); err != nil {
		return out.failed(stageEnvoyFilter, err), nil
	}
	ef, err = r.converge.converge(ctx, aw, ef, wanted)
	if _, refused := errors.AsType[*failure.Error](err); refused {
		return out.failed(stageEnvoyFilter, err), nil
	}
	if err != nil {
		return out, err
	}
	return r.observe(ctx, aw, out.has(ef), ef), nil
}

// refused returns why wanted must not come into force. Proxies that it is in force in already have it: there it is not the
// first filter, and can be repaired.
func (r *reconciler) refused(ctx context.Context, aw *v1alpha1.AutoWasm, ef, wanted *unstructured.Unstructured) error {
	if r.o.Preflight == nil || ours(ef, aw) && !render.IsStaged(ef) && render.SameReach(ef, wanted) {
		return nil
	}
	if why := r.o.Preflight.Refusal(ctx, aw); why != "" {
		return failure.Terminalf(v1alpha1.ReasonUntestedProxies, "%s", why)
	}
	return nil
}

// reload is how often the proxies have been made to load the module, with once more if that is due.
func (r *reconciler) reload(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) uint32 {
	count := uint32(0)
	if ours(ef, aw) {
		count = render.ReloadOf(ef)
	}
	if r.o.Proxies != nil && r.o.Proxies.ReloadDue(aw, ef) {
		count++
	}
	return count
}

// observe ends out with what the proxies have made of ef.
func (r *reconciler) observe(ctx context.Context, aw *v1alpha1.AutoWasm, out outcome, ef *unstructured.Unstructured) outcome {
	if r.o.Proxies == nil {
		return out.done()
	}
	snapshot, known := r.o.Proxies.Snapshot(ctx, aw, ef)
	return out.observed(snapshot, known, aw)
}

// report writes the status of exactly the object that was read, if it has changed, and records the change's Event.
func (r *reconciler) report(ctx context.Context, aw *v1alpha1.AutoWasm, out outcome) error {
	status := computeStatus(aw.Status, aw.Generation, out, r.o.Now())
	status.LastHandledReconcileAt = handledRequest(aw, out)
	if equality.Semantic.DeepEqual(aw.Status, status) {
		return nil
	}
	changed := aw.DeepCopy()
	changed.Status = status
	patch := client.MergeFromWithOptions(aw, client.MergeFromWithOptimisticLock{})
	if err := r.client.Status().Patch(ctx, changed, patch, client.FieldOwner(render.FieldManager)); err != nil {
		return classifyStatus(err, aw)
	}
	r.announce(changed, aw.Status, out)
	return nil
}

// announce records the Events of the step to the status of changed from the one before.
func (r *reconciler) announce(changed *v1alpha1.AutoWasm, before v1alpha1.AutoWasmStatus, out outcome) {
	kind, ready := eventOf(before, changed.Status)
	if ready != nil {
		r.o.Events.Eventf(changed, nil, kind, ready.Reason, actionReconcile, "%s", ready.Message)
	}
	const restarted = string(v1alpha1.ReasonProxyRestarted)
	if moreRestarted(before, changed.Status) && (ready == nil || ready.Reason != restarted) {
		note := text.Truncate(out.proxies.Restarts(), v1alpha1.MaxMessageBytes)
		r.o.Events.Eventf(changed, nil, corev1.EventTypeWarning, restarted, actionReconcile, "%s", note)
	}
}

// classifyStatus says what a refused write of a status means.
func classifyStatus(err error, aw metav1.Object) error {
	err = fmt.Errorf("write the status of AutoWasm %s/%s: %w", aw.GetNamespace(), aw.GetName(), err)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: %w", errLeaving, err)
	case apierrors.IsConflict(err):
		return fmt.Errorf("%w: %w", errStale, err)
	default:
		return err
	}
}

// next says when aw is reconciled again if no event comes.
func (r *reconciler) next(ctx context.Context, key types.NamespacedName, out outcome, err error) (reconcile.Result, error) {
	switch {
	case errors.Is(err, errLeaving):
		return r.forget(key), nil
	case errors.Is(err, errStale):
		ctrl.LoggerFrom(ctx).V(1).Info("Reconciling again after an outdated read", "err", err.Error())
		return r.retries.soon(key), nil
	case err != nil:
		return reconcile.Result{}, err
	case out.stage == stageProxies:
		// A change of what the proxies run enqueues it again.
		ctrl.LoggerFrom(ctx).Info("Not running in every selected proxy", "reason", out.failure.Reason, "message", out.failure.Error())
		r.retries.forget(key)
		return reconcile.Result{}, nil
	case out.failure == errFetching:
		return reconcile.Result{}, nil // the end of the fetch enqueues it
	case out.failure != nil:
		ctrl.LoggerFrom(ctx).Info("Not synced", "reason", out.failure.Reason, "terminal", out.failure.Terminal, "message", out.failure.Error())
		return r.retries.after(key, out.failure), nil
	default:
		r.retries.forget(key)
		return reconcile.Result{}, nil
	}
}

func (r *reconciler) forget(key types.NamespacedName) reconcile.Result {
	r.retries.forget(key)
	r.obtain.pending.forget(key)
	r.secrets.forget(key)
	r.tryer.retries.forget(key)
	return reconcile.Result{}
}
