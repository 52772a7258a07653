// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// sweeper removes EnvoyFilters that were staged at admission for an AutoWasm that was then not stored, or was deleted
// or changed before its EnvoyFilter was adopted, and those that an AutoWasm left behind (kubectl delete --cascade=orphan): no
// module is kept for these. One reconcile runs at a time.
type sweeper struct {
	client client.Client
	cache  client.Reader
	live   client.Reader
	grace  time.Duration
	events events.EventRecorder
	now    func() time.Time
	// observed is since when each staged EnvoyFilter has been known that is waited for, by this process's own clock:
	// the API server's, which writes the creationTimestamp, may be hours away from it.
	observed map[types.NamespacedName]firstTime
}

// Reconcile implements reconcile.Reconciler; the request names an EnvoyFilter.
func (s *sweeper) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	ef, err := readEnvoyFilter(ctx, s.cache, req.NamespacedName)
	if err != nil {
		return reconcile.Result{}, err
	}
	if ef == nil || !render.IsStaged(ef) {
		delete(s.observed, req.NamespacedName)
		return reconcile.Result{}, nil
	}
	now := s.now()
	if wait := s.grace - now.Sub(s.since(req.NamespacedName, ef.GetUID(), now)); wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	return reconcile.Result{}, s.sweep(ctx, ef, req.NamespacedName)
}

// sweep removes ef if it is orphaned, and ends the wait for it either way.
func (s *sweeper) sweep(ctx context.Context, ef *unstructured.Unstructured, key types.NamespacedName) error {
	why, err := s.orphaned(ctx, ef, key)
	if err == nil && why != "" {
		err = s.remove(ctx, ef, why)
	}
	if err == nil {
		delete(s.observed, key)
	}
	return err
}

// orphaned says why ef will not be adopted, "" when it may be. It asks the API server itself: a cache may not have
// seen the AutoWasm yet. Only an EnvoyFilter of the very spec that the AutoWasm has is left to the reconciler; a
// deletion or a change of the AutoWasm brings the sweeper back to it.
func (s *sweeper) orphaned(ctx context.Context, ef *unstructured.Unstructured, key types.NamespacedName) (why string, err error) {
	var aw v1alpha1.AutoWasm
	err = s.live.Get(ctx, key, &aw)
	switch {
	case apierrors.IsNotFound(err) && !render.IsInert(ef):
		return "its AutoWasm was deleted and left it behind, and modules are served for AutoWasms alone: a proxy that starts might not get this one", nil
	case apierrors.IsNotFound(err):
		return "its AutoWasm does not exist", nil
	case err != nil:
		return "", fmt.Errorf("read AutoWasm %s: %w", key, err)
	case stagedForAnother(ef, &aw):
		return "its AutoWasm has another spec than it was staged for", nil
	default:
		return "", nil
	}
}

// remove deletes exactly the EnvoyFilter that was read: one that was adopted or replaced since has an event of its own.
func (s *sweeper) remove(ctx context.Context, ef *unstructured.Unstructured, why string) error {
	uid, version := ef.GetUID(), ef.GetResourceVersion()
	err := s.client.Delete(ctx, ef, client.Preconditions(metav1.Preconditions{UID: &uid, ResourceVersion: &version}))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("sweep EnvoyFilter %s/%s: %w", ef.GetNamespace(), ef.GetName(), err)
	}
	ctrl.LoggerFrom(ctx).Info("Swept an EnvoyFilter without an owner", "why", why)
	s.events.Eventf(ef, nil, corev1.EventTypeNormal, string(v1alpha1.ReasonSwept), actionSweep, "%s", "removed the EnvoyFilter: "+why)
	return nil
}

// firstTime is when an object of a UID was first observed.
type firstTime struct {
	uid types.UID
	at  time.Time
}

// since returns when the object of this key and UID was first observed, now if it was not observed before.
func (s *sweeper) since(key types.NamespacedName, uid types.UID, now time.Time) time.Time {
	if s.observed[key].uid != uid {
		s.observed[key] = firstTime{uid: uid, at: now}
	}
	return s.observed[key].at
}
