// Package v1alpha1 holds the AutoWasm API: the types that a user writes, the
// rules that the API server itself enforces on them (schema and CEL, in the
// kubebuilder markers), and the names of the conditions that report on them.
//
// One AutoWasm says which Wasm module runs in which Envoy proxies. Everything
// that a schema can express is expressed here, so that it holds even while the
// admission webhook is down; what needs a look at the module, the registry or
// other objects is the webhook's work (package webhook).
//
// The package imports nothing else of this project, so that a client can use it
// alone.
//
// +kubebuilder:object:generate=true
// +groupName=wasm.tcm.io
package v1alpha1
