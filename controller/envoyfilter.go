// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

// readEnvoyFilter reads the EnvoyFilter of an AutoWasm's name, nil when there is none.
func readEnvoyFilter(ctx context.Context, reader client.Reader, key types.NamespacedName) (*unstructured.Unstructured, error) {
	ef := istio.NewEnvoyFilter()
	err := reader.Get(ctx, key, ef)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read EnvoyFilter %s: %w", key, err)
	}
	return ef, nil
}

// ours reports whether ef is there and belongs to aw.
func ours(ef *unstructured.Unstructured, aw *v1alpha1.AutoWasm) bool {
	return ef != nil && render.IsOurs(ef, aw)
}

// stagedForAnother reports whether ef, which is ours, was staged for a spec that aw does not have.
func stagedForAnother(ef *unstructured.Unstructured, aw *v1alpha1.AutoWasm) bool {
	return render.IsStaged(ef) && !render.IsFor(ef, aw)
}

// settled reports whether the cluster already has what is wanted: nothing is written then.
func settled(ef, wanted *unstructured.Unstructured, aw *v1alpha1.AutoWasm) bool {
	return ours(ef, aw) &&
		ef.GetDeletionTimestamp().IsZero() &&
		metav1.IsControlledBy(ef, aw) &&
		render.Equal(ef, wanted)
}

// wantedEnvoyFilter renders what the cluster should have for aw and the module: what admission stages, owned by aw.
func wantedEnvoyFilter(aw *v1alpha1.AutoWasm, m *v1alpha1.ModuleStatus, reload uint32, o render.Options) (*unstructured.Unstructured, error) {
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: m.SHA256, Reference: m.Reference, Reload: reload}, o)
	if err != nil {
		return nil, err
	}
	ef.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(aw, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))})
	return ef, nil
}
