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
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/render"
)

// converger makes the EnvoyFilter of an AutoWasm what it should be.
type converger struct {
	client client.Client
	live   client.Reader
}

// converge writes wanted, which was cached, where it differs, and returns what the cluster has then.
//
// The order of the reads is what makes a write safe. The EnvoyFilter is read first, the AutoWasm after it: an
// EnvoyFilter that was made for a newer generation is then always seen together with that generation, and the write
// given up (errStale). The write itself holds only for the EnvoyFilter that was read.
func (c converger) converge(ctx context.Context, aw *v1alpha1.AutoWasm, cached, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if settled(cached, wanted, aw) {
		return cached, nil
	}
	key := client.ObjectKeyFromObject(aw)
	present, err := readEnvoyFilter(ctx, c.live, key)
	if err != nil {
		return nil, err
	}
	if err := c.confirm(ctx, aw); err != nil {
		return nil, err
	}
	switch {
	case present == nil:
		return c.create(ctx, wanted)
	case !ours(present, aw):
		return nil, foreign(present)
	case !present.GetDeletionTimestamp().IsZero():
		return nil, failure.Transientf(v1alpha1.ReasonEnvoyFilterUnavailable, "EnvoyFilter %s is being deleted and is created again once it is gone", key)
	case settled(present, wanted, aw):
		return present, nil
	default:
		return c.change(ctx, present, wanted)
	}
}

// confirm reads the AutoWasm from the API server itself: only the object with this UID may become an owner, because
// the garbage collector deletes the children of missing owners, and only the newest generation may be written.
func (c converger) confirm(ctx context.Context, aw *v1alpha1.AutoWasm) error {
	var now v1alpha1.AutoWasm
	err := c.live.Get(ctx, client.ObjectKeyFromObject(aw), &now)
	switch {
	case apierrors.IsNotFound(err):
		return errLeaving
	case err != nil:
		return fmt.Errorf("read AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
	case now.UID != aw.UID, now.Generation != aw.Generation, now.DeletionTimestamp.IsZero() != aw.DeletionTimestamp.IsZero():
		return errStale
	default:
		return nil
	}
}

// create refuses to take over: unlike an apply it fails when there is an EnvoyFilter of that name in the meantime.
func (c converger) create(ctx context.Context, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ef := wanted.DeepCopy()
	if err := c.client.Create(ctx, ef, client.FieldOwner(render.FieldManager)); err != nil {
		return nil, classify(err, "create", wanted)
	}
	logWrite(ctx, "Created", ef)
	return ef, nil
}

// change brings present to wanted in up to three writes. From the state after each, the next reconcile can go on.
func (c converger) change(ctx context.Context, present, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if render.IsStaged(present) {
		return c.adopt(ctx, present, wanted)
	}
	present, err := c.takeFields(ctx, present)
	if err != nil {
		return nil, err
	}
	applied, err := c.apply(ctx, present, wanted)
	if err != nil {
		return nil, err
	}
	if render.Equal(applied, wanted) {
		return applied, nil
	}
	return c.replaceSpec(ctx, applied, wanted)
}

// adopt brings what was staged to wanted in one write, with the fields that the create recorded as updated by us as
// fields that we applied. It holds only for the object that was read.
func (c converger) adopt(ctx context.Context, staged, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ef := staged.DeepCopy()
	if err := csaupgrade.UpgradeManagedFields(ef, sets.New(render.FieldManager), render.FieldManager); err != nil {
		return nil, fmt.Errorf("take over the fields of EnvoyFilter %s/%s: %w", ef.GetNamespace(), ef.GetName(), err)
	}
	render.Merge(ef, wanted.DeepCopy())
	ef.SetOwnerReferences(wanted.GetOwnerReferences())
	if err := c.client.Update(ctx, ef, client.FieldOwner(render.FieldManager)); err != nil {
		return nil, classify(err, "adopt", ef)
	}
	logWrite(ctx, "Adopted", ef)
	return ef, nil
}

// takeFields makes the fields that we created fields that we applied: else a later apply could not remove one.
func (c converger) takeFields(ctx context.Context, present *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(present, sets.New(render.FieldManager), render.FieldManager)
	if err != nil {
		return nil, fmt.Errorf("take over the fields of EnvoyFilter %s/%s: %w", present.GetNamespace(), present.GetName(), err)
	}
	if patch == nil {
		return present, nil
	}
	upgraded := present.DeepCopy()
	err = c.client.Patch(ctx, upgraded, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(render.FieldManager))
	if err != nil {
		return nil, classify(err, "take over the fields of", present)
	}
	return upgraded, nil
}

// apply holds only for the object that was read: with its UID and resourceVersion it cannot take over a later one.
func (c converger) apply(ctx context.Context, present, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ef := wanted.DeepCopy()
	ef.SetUID(present.GetUID())
	ef.SetResourceVersion(present.GetResourceVersion())
	err := c.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(ef), client.FieldOwner(render.FieldManager), client.ForceOwnership)
	if err != nil {
		return nil, classify(err, "apply", ef)
	}
	logWrite(ctx, "Applied", ef)
	return ef, nil
}

// replaceSpec removes what another manager added, such as a label of the selector: an apply leaves what is not its own.
func (c converger) replaceSpec(ctx context.Context, applied, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	ef := applied.DeepCopy()
	ef.Object["spec"] = wanted.DeepCopy().Object["spec"]
	if err := c.client.Update(ctx, ef, client.FieldOwner(render.FieldManager)); err != nil {
		return nil, classify(err, "replace the spec of", ef)
	}
	logWrite(ctx, "Replaced the spec of", ef)
	return ef, nil
}

func logWrite(ctx context.Context, verb string, ef metav1.Object) {
	ctrl.LoggerFrom(ctx).Info(verb+" the EnvoyFilter", "resourceVersion", ef.GetResourceVersion(), "generation", ef.GetGeneration())
}

// classify says what a refused write of an EnvoyFilter means: that it rests on an old view, that the namespace is
// going, that a policy will not have it, or that the API server cannot just now. One that is not found has gone since
// it was read, if it was: else the API server does not know the kind.
func classify(err error, verb string, ef metav1.Object) error {
	name := ef.GetNamespace() + "/" + ef.GetName()
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("%w: %w", errLeaving, err)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err) && ef.GetUID() != "":
		return fmt.Errorf("%w: %s EnvoyFilter %s: %w", errStale, verb, name, err)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsForbidden(err), apierrors.IsRequestEntityTooLargeError(err):
		return failure.Terminalf(v1alpha1.ReasonEnvoyFilterRefused, "%s EnvoyFilter %s: %w", verb, name, err)
	default:
		return retryable(err, verb, name)
	}
}

func retryable(err error, verb, name string) *failure.Error {
	f := failure.Transientf(v1alpha1.ReasonEnvoyFilterUnavailable, "%s EnvoyFilter %s: %w", verb, name, err)
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		f.RetryAfter = time.Duration(seconds) * time.Second
	}
	return f
}

// foreign is the failure to make an EnvoyFilter because one that is not ours has its name.
func foreign(ef metav1.Object) *failure.Error {
	return failure.Terminalf(v1alpha1.ReasonForeignEnvoyFilter,
		"EnvoyFilter %s/%s exists and was not made by AutoWasm, so it is left alone: delete or rename it, or rename the AutoWasm", ef.GetNamespace(), ef.GetName())
}
