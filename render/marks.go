package render

import (
	"crypto/sha256"
	"encoding/hex"

	v1alpha1 "github.com/autowasm/autowasm/api/v1alpha1"
)

// The marks on every EnvoyFilter that is rendered.
const (
	// LabelManagedBy says who looks after the object; its value is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "autowasm"
	// LabelName is the AutoWasm's name in the form of NameLabel, to select by.
	LabelName = "wasm.tcm.io/autowasm"
	// LabelRevision is Istio's own label that gives an object to one revision of
	// the control plane. It is copied from the AutoWasm, and no other label is.
	LabelRevision = "istio.io/rev"

	// AnnotationOwner is "<namespace>/<name>" of the AutoWasm.
	AnnotationOwner = "wasm.tcm.io/owner"
	// AnnotationGeneration is the generation of the AutoWasm that was rendered, in
	// decimal digits.
	AnnotationGeneration = "wasm.tcm.io/generation"
	// AnnotationSpecHash is the SpecHash of the spec that was rendered.
	AnnotationSpecHash = "wasm.tcm.io/spec-hash"
	// AnnotationModule is the sha256 of the module, in lower-case hex digits.
	AnnotationModule = "wasm.tcm.io/module"
	// AnnotationReference is the immutable reference that the source resolved to.
	AnnotationReference = "wasm.tcm.io/reference"
	// AnnotationPlugin is the name of the plugin, under which a proxy that runs it
	// has statistics.
	AnnotationPlugin = "wasm.tcm.io/plugin"
	// AnnotationReload is how often the proxies were asked to load the module
	// again, in decimal digits; absent when they never were.
	AnnotationReload = "wasm.tcm.io/reload"
)

// FieldManager is the name under which the server writes to EnvoyFilters.
const FieldManager = "autowasm"

// maxLabelValue is what the API server accepts.
const maxLabelValue = 63

// NameLabel returns the value of LabelName for an AutoWasm's name: the name
// itself, or its beginning and a hash of the whole when it is longer than a label
// may be.
func NameLabel(name string) string {
	if len(name) <= maxLabelValue {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:10]
	return name[:maxLabelValue-len(hash)-1] + "-" + hash
}

func labels(aw *v1alpha1.AutoWasm) map[string]string {
	out := map[string]string{
		LabelManagedBy: ManagedBy,
		LabelName:      NameLabel(aw.Name),
	}
	if revision, ok := aw.Labels[LabelRevision]; ok {
		out[LabelRevision] = revision
	}
	return out
}

func annotations(aw *v1alpha1.AutoWasm, m Module, o Options, plugin Plugin) map[string]string {
	out := map[string]string{
		AnnotationOwner:  ownerOf(aw.Namespace, aw.Name),
		AnnotationModule: m.SHA256,
		AnnotationPlugin: plugin.String(),
	}
	set(out, AnnotationReload, reloadText(m.Reload))
	set(out, AnnotationReferencedServices, referencedServices(&aw.Spec.Filter, o.Cluster))
	return out
}

func ownerOf(namespace, name string) string { return namespace + "/" + name }
