// SPDX-License-Identifier: Apache-2.0

package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// FieldManager is the name under which the server writes to EnvoyFilters.
const FieldManager = "autowasm"

// maxLabelValue is what the API server accepts.
const maxLabelValue = 63

func labels(aw *v1alpha1.AutoWasm) map[string]string {
	out := map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
		v1alpha1.LabelName:      nameLabel(aw.Name),
	}
	if revision, ok := aw.Labels[istio.LabelRevision]; ok {
		out[istio.LabelRevision] = revision
	}
	return out
}

// nameLabel is the name itself, or its beginning and a hash of the whole when it is longer than a label may be.
func nameLabel(name string) string {
	if len(name) <= maxLabelValue {
		return name
	}
	hash := hashOf([]byte(name), 10)
	return name[:maxLabelValue-len(hash)-1] + "-" + hash
}

func annotations(aw *v1alpha1.AutoWasm, m Module, o Options, plugin Plugin) map[string]string {
	reference, _, _ := strings.Cut(m.Reference, "?")
	out := map[string]string{
		v1alpha1.AnnotationOwner:           ownerOf(aw),
		v1alpha1.AnnotationModule:          m.SHA256,
		v1alpha1.AnnotationPlugin:          plugin.String(),
		v1alpha1.AnnotationReload:          unlessZero(int64(m.Reload)),
		v1alpha1.AnnotationGeneration:      unlessZero(aw.Generation),
		v1alpha1.AnnotationSpecHash:        SpecHash(&aw.Spec),
		v1alpha1.AnnotationReference:       reference,
		istio.AnnotationReferencedServices: referencedServices(&aw.Spec.Filter, o.Cluster),
	}
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}

// ownerOf is the value of AnnotationOwner.
func ownerOf(aw metav1.Object) string { return aw.GetNamespace() + "/" + aw.GetName() }

func unlessZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// referencedServices is the module server as the annotation names it, "" when there is nothing to say: a filter that
// is not for gateways must not add a cluster to one that it selects beside sidecars.
func referencedServices(f *v1alpha1.Filter, cluster string) string {
	if f.Context != v1alpha1.Gateway {
		return ""
	}
	host := istio.HostOf(cluster)
	if namespace := istio.NamespaceOf(host); namespace != "" {
		return namespace + "/" + host
	}
	return host
}

// Provenance says what an EnvoyFilter was rendered for. It is a claim: whoever may write EnvoyFilters may write it.
type Provenance struct {
	// Generation of the AutoWasm.
	Generation int64
	// SpecHash is the SpecHash of its spec.
	SpecHash string
	// Reference is the immutable reference that its source resolved to, without a query.
	Reference string
}

// ProvenanceOf reads back what ef was rendered for. Absent or unreadable is zero: annotations can be edited by hand.
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

// ReloadOf reads back how often the proxies have been asked to load the module of ef again, 0 when ef does not say.
func ReloadOf(ef metav1.Object) uint32 {
	count, err := strconv.ParseUint(ef.GetAnnotations()[v1alpha1.AnnotationReload], 10, 32)
	if err != nil {
		return 0
	}
	return uint32(count)
}

// IsLabelled reports whether an object claims to be the server's own: for watches and indexes, which see little of it.
func IsLabelled(object metav1.Object) bool {
	return object.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy
}

// IsOurs reports whether ef, with its managedFields, is the server's own EnvoyFilter for aw, staged or adopted: it has
// the name of aw, FieldManager has written it, and it bears our marks (isMarked) or, when one of them was removed,
// still has aw itself for its controller. A hand-written EnvoyFilter, or a copy of ours under another name, is not
// ours. Who may write EnvoyFilters can forge all of it: what else the annotations say is a claim.
func IsOurs(ef, aw metav1.Object) bool {
	return ef.GetNamespace() == aw.GetNamespace() &&
		ef.GetName() == aw.GetName() &&
		isWritten(ef) && (isMarked(ef) || metav1.IsControlledBy(ef, aw))
}

// IsStaged reports whether ef is our own and not adopted yet. What has an owner is left to the garbage collector.
func IsStaged(ef metav1.Object) bool {
	return isWritten(ef) && isMarked(ef) && len(ef.GetOwnerReferences()) == 0 && ef.GetDeletionTimestamp().IsZero()
}

// IsFor reports whether ef says that it was rendered for the very spec of aw. Admission precedes the check whether the
// name is taken: a create that is then refused has staged an EnvoyFilter in the name of the AutoWasm that was there.
func IsFor(ef metav1.Object, aw *v1alpha1.AutoWasm) bool {
	hash := ProvenanceOf(ef).SpecHash
	return hash != "" && hash == SpecHash(&aw.Spec)
}

// isMarked reports whether ef bears the label, and an owner annotation that names its own namespace and name.
func isMarked(ef metav1.Object) bool {
	return IsLabelled(ef) && ef.GetAnnotations()[v1alpha1.AnnotationOwner] == ownerOf(ef)
}

// isWritten reports whether FieldManager has written to ef.
func isWritten(ef metav1.Object) bool {
	return slices.ContainsFunc(ef.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldManager && entry.Subresource == ""
	})
}

// SpecHash returns the first 16 hex digits of the sha256 of the spec's canonical JSON: sorted keys, no white space,
// absent fields left out, numbers as written. It is "" for a spec whose config is not JSON.
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
	return hashOf(canonical, 16)
}

// hashOf returns the first hex digits of the sha256 of b.
func hashOf(b []byte, digits int) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:digits]
}
