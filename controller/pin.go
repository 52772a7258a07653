package controller

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/render"
)

// boundPin returns the module that aw is bound to by its status, nil when its source
// is to be resolved: it has not been yet, or a new generation asks again. So a tag is
// looked up once, and a tag that moves changes nothing.
func boundPin(aw *v1alpha1.AutoWasm) *source.Pin {
	from := aw.Spec.Filter.Source
	if source.ResolvesAgain(from) && !resolvedFor(aw) {
		return nil
	}
	return source.PinOf(from, aw.Status.Module)
}

// claimedReference returns the immutable reference that an EnvoyFilter of ours says
// it was rendered with for an equal spec, "" for none: it was staged at admission, or
// applied just before a crash. Whoever may write EnvoyFilters may have written it, so
// the source is asked for it rather than it believed: the store may well have the
// module, but for others, who have other credentials.
func claimedReference(aw *v1alpha1.AutoWasm, ef *unstructured.Unstructured) string {
	if !ours(ef, aw) || !render.IsFor(ef, aw) {
		return ""
	}
	return render.ProvenanceOf(ef).Reference
}

// resolvedFor reports whether the status names what the source resolved to for
// the present generation, rather than what an earlier one left.
func resolvedFor(aw *v1alpha1.AutoWasm) bool {
	c := meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionSourceResolved)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == aw.Generation
}
