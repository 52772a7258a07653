package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AutoWasmStatus is what has come of an AutoWasm.
type AutoWasmStatus struct {
	// observedGeneration is the generation that this status speaks of; -1 until
	// the controller has seen the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase is the one-word summary.
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// message says in a sentence why the object is in this phase.
	// +optional
	Message string `json:"message,omitempty"`

	// module is the module that the source resolved to.
	// +optional
	Module *ModuleStatus `json:"module,omitempty"`

	// envoyFilter is the EnvoyFilter that carries the module to the proxies.
	// +optional
	EnvoyFilter *EnvoyFilterStatus `json:"envoyFilter,omitempty"`

	// conditions report on the stages: Ready, Reconciling and Stalled as kstatus
	// defines them, and SourceResolved, ModuleVerified and EnvoyFilterApplied.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Phase is the one-word summary of a status.
//
// +kubebuilder:validation:Enum=Pending;Fetching;Synced;Failed
type Phase string

// The phases.
const (
	// PhasePending waits for something outside, such as a Secret or a registry
	// that does not answer; it is retried.
	PhasePending Phase = "Pending"
	// PhaseFetching brings the module into the store.
	PhaseFetching Phase = "Fetching"
	// PhaseSynced has the module in the store and the EnvoyFilter in force.
	PhaseSynced Phase = "Synced"
	// PhaseFailed needs a user to act.
	PhaseFailed Phase = "Failed"
)

// ModuleStatus is the module that a source resolved to.
type ModuleStatus struct {
	// sha256 of the module's bytes, 64 lower-case hex digits.
	SHA256 string `json:"sha256"`
	// size of the module in bytes.
	Size int64 `json:"size"`
	// reference is the immutable form of the source, such as
	// registry.example/x@sha256:….
	// +optional
	Reference string `json:"reference,omitempty"`
	// source is the source as the spec named it when it was resolved: while it
	// stays the same, so does the module.
	// +optional
	Source string `json:"source,omitempty"`
	// abi is the Proxy-Wasm ABI version that the module exports.
	// +optional
	ABI string `json:"abi,omitempty"`
	// fetchedAt is when the module came into the store.
	// +optional
	FetchedAt *metav1.Time `json:"fetchedAt,omitempty"`
}

// EnvoyFilterStatus names an EnvoyFilter.
type EnvoyFilterStatus struct {
	// name of the EnvoyFilter, in the AutoWasm's namespace.
	Name string `json:"name"`
	// generation of the EnvoyFilter that was last applied.
	// +optional
	Generation int64 `json:"generation,omitempty"`
}

// The types of the conditions of an AutoWasm.
const (
	// ConditionReady is True when every selected proxy is told to run the module
	// and the server has it.
	ConditionReady = "Ready"
	// ConditionReconciling is True while work is under way, and absent otherwise.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when only a user can help, and absent otherwise.
	ConditionStalled = "Stalled"
	// ConditionSourceResolved is True when the source is pinned to an identity.
	ConditionSourceResolved = "SourceResolved"
	// ConditionModuleVerified is True when the module is in the store, complete
	// and fit for Envoy.
	ConditionModuleVerified = "ModuleVerified"
	// ConditionEnvoyFilterApplied is True when the EnvoyFilter is as rendered.
	ConditionEnvoyFilterApplied = "EnvoyFilterApplied"
)
