// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The annotations of a namespace that give defaults to the AutoWasms in it.
const (
	// AnnotationDefaultPorts is the default of spec.filter.applyPorts: ports separated by commas ("8080,9080"), or a
	// JSON list of them ("[8080, 9080]").
	AnnotationDefaultPorts = "wasm.tcm.io/default-ports"
	// AnnotationDefaultSecret is the default of spec.secret for registry sources.
	AnnotationDefaultSecret = "wasm.tcm.io/default-secret"
)

// The annotations by which the user of an AutoWasm allows, with the value "true", what is otherwise refused.
const (
	// AnnotationAllowMeshWide allows it to be in Istio's root namespace: its filter runs in the whole mesh there.
	AnnotationAllowMeshWide = "wasm.tcm.io/allow-mesh-wide"
	// AnnotationAllowSelf allows it to select wasmer's own pods.
	AnnotationAllowSelf = "wasm.tcm.io/allow-self"
)

// AnnotationRequestedAt asks for the AutoWasm to be reconciled now, with any value that it did not have before, such as the
// time. status.lastHandledReconcileAt repeats it once that is done.
const AnnotationRequestedAt = "wasm.tcm.io/requested-at"

// ModulePath precedes the sha256 of a module in the path under which proxies load it, and so in every EnvoyFilter.
const ModulePath = "/wasm/"

// The marks on every EnvoyFilter that is rendered for an AutoWasm.
const (
	// LabelManagedBy names what manages the object; its value is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "autowasm"
	// LabelStaged is in the workloadSelector of an EnvoyFilter that is staged and not adopted yet; its value is the uid of
	// the admission request. No pod has it, so no proxy takes the EnvoyFilter.
	LabelStaged = "wasm.tcm.io/staged"
	// LabelName is the AutoWasm's name, to select by, cut where it is longer than a label may be.
	LabelName = "wasm.tcm.io/autowasm"

	// AnnotationOwner is "<namespace>/<name>" of the AutoWasm.
	AnnotationOwner = "wasm.tcm.io/owner"
	// AnnotationGeneration is the generation of the AutoWasm that was rendered, in decimal digits.
	AnnotationGeneration = "wasm.tcm.io/generation"
	// AnnotationSpecHash is a hash of the spec that was rendered.
	AnnotationSpecHash = "wasm.tcm.io/spec-hash"
	// AnnotationModule is the sha256 of the module, in lower-case hex digits.
	AnnotationModule = "wasm.tcm.io/module"
	// AnnotationReference is the immutable reference that the source resolved to.
	AnnotationReference = "wasm.tcm.io/reference"
	// AnnotationPlugin is the name of the plugin, under which a proxy that runs it has statistics.
	AnnotationPlugin = "wasm.tcm.io/plugin"
	// AnnotationReload is how often the proxies were made to load the module again, in decimal digits; absent for 0.
	AnnotationReload = "wasm.tcm.io/reload"
)
