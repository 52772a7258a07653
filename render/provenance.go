package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Provenance says which state of an AutoWasm an EnvoyFilter was rendered for. Read
// back from one it is a claim: whoever may write EnvoyFilters may write it.
type Provenance struct {
	// Generation of the AutoWasm.
	Generation int64
	// SpecHash is the SpecHash of its spec.
	SpecHash string
	// Reference is the immutable reference that its source resolved to.
	Reference string
}

// SetProvenance writes p into the annotations of ef. An empty SpecHash or
// Reference and a Generation of 0 remove their annotation.
func SetProvenance(ef *istiov1alpha3.EnvoyFilter, p Provenance) {
	if ef.Annotations == nil {
		ef.Annotations = map[string]string{}
	}
	generation := ""
	if p.Generation != 0 {
		generation = strconv.FormatInt(p.Generation, 10)
	}
	set(ef.Annotations, v1alpha1.AnnotationGeneration, generation)
	set(ef.Annotations, v1alpha1.AnnotationSpecHash, p.SpecHash)
	set(ef.Annotations, v1alpha1.AnnotationReference, p.Reference)
}

// ProvenanceOf reads back what SetProvenance wrote. What is absent or unreadable
// is left zero: annotations can be edited by hand.
func ProvenanceOf(ef metav1.Object) Provenance {
	annotations := ef.GetAnnotations()
	generation, err := strconv.ParseInt(annotations[v1alpha1.AnnotationGeneration], 10, 64)
	if err != nil {
		generation = 0
	}
	return Provenance{
		Generation: generation,
		SpecHash:   annotations[v1alpha1.AnnotationSpecHash],
		Reference:  annotations[v1alpha1.AnnotationReference],
	}
}

func set(m map[string]string, key, value string) {
	if value == "" {
		delete(m, key)
		return
	}
	m[key] = value
}

// OwnedBy reports whether ef is the server's own EnvoyFilter for aw, staged or
// adopted: it bears the managed-by label, an owner annotation that names its own
// namespace and name, and a managedFields entry of FieldManager. A hand-written
// EnvoyFilter, or a copy of one of ours under another name, lacks at least one of
// them. Somebody who may write EnvoyFilters can forge all three: what else the
// annotations say is a claim. The managedFields must not have been stripped from ef.
func OwnedBy(ef metav1.Object, aw types.NamespacedName) bool {
	return ef.GetNamespace() == aw.Namespace &&
		ef.GetName() == aw.Name &&
		ef.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy &&
		ef.GetAnnotations()[v1alpha1.AnnotationOwner] == ownerOf(aw.Namespace, aw.Name) &&
		writtenByUs(ef.GetManagedFields())
}

// ChildOf reports whether ef is the server's own EnvoyFilter for aw by what is left
// when its label or its owner annotation was removed: it has aw's name, aw itself as
// its controller, and a managedFields entry of FieldManager. Only an adopted one
// can be. The managedFields must not have been stripped from ef.
func ChildOf(ef, aw metav1.Object) bool {
	return ef.GetNamespace() == aw.GetNamespace() &&
		ef.GetName() == aw.GetName() &&
		metav1.IsControlledBy(ef, aw) &&
		writtenByUs(ef.GetManagedFields())
}

func writtenByUs(entries []metav1.ManagedFieldsEntry) bool {
	for i := range entries {
		if entries[i].Manager == FieldManager && entries[i].Subresource == "" {
			return true
		}
	}
	return false
}

// SpecHash returns the first 16 hex digits of the sha256 of the spec's canonical
// JSON: sorted keys, no white space, absent fields left out, numbers as written.
// A spec that cannot be encoded, because its config is not JSON, has the hash "".
func SpecHash(spec *v1alpha1.AutoWasmSpec) string {
	raw, err := json.Marshal(spec)
	if err != nil {
		return ""
	}
	value, err := decodeJSON(raw)
	if err != nil {
		return ""
	}
	canonical, err := encodeJSON(value)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])[:16]
}
