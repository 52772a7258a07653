package render

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// FieldManager is the name under which the server writes to EnvoyFilters.
const FieldManager = "autowasm"

// IsLabelled reports whether an object says that it is the server's own. It is for
// watches and indexes, which see little of an object: anybody can write the label.
func IsLabelled(object metav1.Object) bool {
	return object.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy
}

// IsOurs reports whether ef is the server's own EnvoyFilter for aw, staged or adopted.
// It has the name of aw, FieldManager has written it, and it bears our marks (isMarked)
// or, when somebody removed one of them, still has aw itself for its controller. A
// hand-written EnvoyFilter, or a copy of one of ours under another name, is not ours.
// Who may write EnvoyFilters can forge all of it: what else the annotations say is a
// claim. The managedFields must not have been stripped from ef.
func IsOurs(ef, aw metav1.Object) bool {
	return ef.GetNamespace() == aw.GetNamespace() &&
		ef.GetName() == aw.GetName() &&
		isWritten(ef) && (isMarked(ef) || metav1.IsControlledBy(ef, aw))
}

// IsStaged reports whether ef is the server's own, made at admission and not adopted
// yet. What has an owner is left to the garbage collector.
func IsStaged(ef metav1.Object) bool {
	return isWritten(ef) && isMarked(ef) && len(ef.GetOwnerReferences()) == 0 && ef.GetDeletionTimestamp().IsZero()
}

// IsFor reports whether ef says that it was rendered for the very spec that aw has.
// Admission comes before the API server checks whether the name is taken: a create that
// it then refuses has staged an EnvoyFilter in the name of the AutoWasm that was there
// before.
func IsFor(ef metav1.Object, aw *v1alpha1.AutoWasm) bool {
	hash := ProvenanceOf(ef).SpecHash
	return hash != "" && hash == SpecHash(&aw.Spec)
}

// isMarked reports whether ef bears the label, and an owner annotation that names its
// own namespace and name.
func isMarked(ef metav1.Object) bool {
	return IsLabelled(ef) && ef.GetAnnotations()[v1alpha1.AnnotationOwner] == ownerOf(ef)
}

// isWritten reports whether FieldManager has written to ef.
func isWritten(ef metav1.Object) bool {
	return slices.ContainsFunc(ef.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldManager && entry.Subresource == ""
	})
}
