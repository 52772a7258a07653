package controller

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

// readEnvoyFilter reads the EnvoyFilter of an AutoWasm's name, nil when there is
// none.
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

// owner returns the ownerReference that makes an EnvoyFilter the child of aw.
func owner(aw *v1alpha1.AutoWasm) metav1.OwnerReference {
	return *metav1.NewControllerRef(aw, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
}

// ours reports whether ef is there and belongs to aw: it bears our marks, or it is
// aw's child and has lost them.
func ours(ef *unstructured.Unstructured, aw *v1alpha1.AutoWasm) bool {
	return ef != nil && (render.OwnedBy(ef, client.ObjectKeyFromObject(aw)) || render.ChildOf(ef, aw))
}

// unowned reports whether ef bears our marks and is nobody's child: staged at
// admission and not adopted yet. What has an owner is the garbage collector's.
func unowned(ef *unstructured.Unstructured, key types.NamespacedName) bool {
	return ef != nil && render.OwnedBy(ef, key) && len(ef.GetOwnerReferences()) == 0 && ef.GetDeletionTimestamp().IsZero()
}

// stagedForAnother reports whether ef was staged for a spec that aw does not have.
// Admission comes before the API server looks whether the name is taken: a create
// that it then refuses has staged an EnvoyFilter in the name of the AutoWasm that
// was there before.
func stagedForAnother(ef *unstructured.Unstructured, aw *v1alpha1.AutoWasm) bool {
	return unowned(ef, client.ObjectKeyFromObject(aw)) && render.ProvenanceOf(ef).SpecHash != render.SpecHash(&aw.Spec)
}

// settled reports whether the cluster already has what is wanted: nothing is
// written then.
func settled(ef, wanted *unstructured.Unstructured, aw *v1alpha1.AutoWasm) bool {
	return ours(ef, aw) &&
		ef.GetDeletionTimestamp().IsZero() &&
		metav1.IsControlledBy(ef, aw) &&
		render.Equal(ef, wanted)
}

// wantedEnvoyFilter renders what the cluster should have for aw and the module.
func wantedEnvoyFilter(aw *v1alpha1.AutoWasm, m *v1alpha1.ModuleStatus, reload uint32, o render.Options) (*unstructured.Unstructured, error) {
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: m.SHA256, Reload: reload}, o)
	if err != nil {
		return nil, err
	}
	render.SetProvenance(ef, render.Provenance{
		Generation: aw.Generation,
		SpecHash:   render.SpecHash(&aw.Spec),
		Reference:  withoutQuery(m.Reference),
	})
	ef.OwnerReferences = []metav1.OwnerReference{owner(aw)}
	return render.Unstructured(ef)
}

// withoutQuery drops the query of an object's URL, which may hold a signature: an
// EnvoyFilter is read by more people than the AutoWasm.
func withoutQuery(reference string) string {
	bare, _, _ := strings.Cut(reference, "?")
	return bare
}
