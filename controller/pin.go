package controller

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/render"
)

// pin is the module that a source has been resolved to before.
type pin struct {
	// SHA256 of the module.
	SHA256 string
	// Reference is the immutable form of the source, "" when it is not known.
	Reference string
}

// boundPin returns the module that aw is bound to by its status, nil when its source
// is to be resolved: it has not been yet, or a new generation asks again. So a tag is
// looked up once, and a tag that moves changes nothing.
func boundPin(aw *v1alpha1.AutoWasm) *pin {
	p := statusPin(aw)
	if p == nil || (!resolvedFor(aw) && asksAgain(aw.Spec.Filter.Source)) {
		return nil
	}
	return p
}

// statusPin is what the status says of the source, if it speaks of the present
// one.
func statusPin(aw *v1alpha1.AutoWasm) *pin {
	m := aw.Status.Module
	if m == nil || m.Source != source.SourceID(aw.Spec.Filter.Source) {
		return nil
	}
	return usable(aw, pin{SHA256: m.SHA256, Reference: m.Reference})
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
	reference := render.ProvenanceOf(ef).Reference
	if !strings.Contains(reference, "@") {
		return ""
	}
	return reference
}

// usable drops a pin that cannot be: a status can be edited too, and a declared hash
// is the user's last word.
func usable(aw *v1alpha1.AutoWasm, p pin) *pin {
	object := aw.Spec.Filter.Source.Object
	if !module.IsSHA256(p.SHA256) || (object != nil && object.SHA256 != "" && object.SHA256 != p.SHA256) {
		return nil
	}
	return &p
}

// resolvedFor reports whether the status names what the source resolved to for
// the present generation, rather than what an earlier one left.
func resolvedFor(aw *v1alpha1.AutoWasm) bool {
	c := find(aw.Status.Conditions, v1alpha1.ConditionSourceResolved)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == aw.Generation
}

// asksAgain reports whether each generation looks the source up again.
func asksAgain(s v1alpha1.Source) bool {
	return s.Registry != nil && !strings.Contains(s.Registry.Image, "@") && s.Registry.EffectivePullPolicy() == v1alpha1.PullAlways
}
