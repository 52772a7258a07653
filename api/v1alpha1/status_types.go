// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxMessageBytes bounds the messages of a status and its conditions: Events repeat them, and may not be longer.
const MaxMessageBytes = 1000

// AutoWasmStatus is the observed state of an AutoWasm.
type AutoWasmStatus struct {
	// observedGeneration is the generation that this status is of; -1 until the controller has observed the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation wasm.tcm.io/requested-at for which the object was
	// reconciled.
	// +optional
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

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

	// proxies is what the selected proxies report of the module. It is absent while none is selected, and where the
	// proxies are not scraped.
	// +optional
	Proxies *ProxiesStatus `json:"proxies,omitempty"`

	// conditions report on the stages: Ready, Reconciling and Stalled as kstatus defines them, and SourceResolved,
	// ModuleVerified, ConfigValid, ModuleTried, EnvoyFilterApplied, ProxiesLoaded and RequestsPass.
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
	// PhasePending waits for something outside, such as a Secret, a registry, or proxies that load the module.
	PhasePending Phase = "Pending"
	// PhaseFetching brings the module into the store.
	PhaseFetching Phase = "Fetching"
	// PhaseSynced has the EnvoyFilter in force, and no proxy that can be scraped fails to run the module.
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
	// reference is the immutable form of the source, such as registry.example/x@sha256:….
	// +optional
	Reference string `json:"reference,omitempty"`
	// source is the source as the spec named it when it was resolved: while it stays the same, so does the module.
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

// ProxiesStatus counts the proxies that an AutoWasm selects.
type ProxiesStatus struct {
	// selected is how many proxies there are: running Pods that the selector matches and that have an Istio proxy, which
	// runs, or has ended because of the filter.
	Selected int32 `json:"selected"`
	// running is how many of them run exactly this module with this configuration.
	Running int32 `json:"running"`
	// trapped is how many of them run a filter that has trapped on a request within the last ten minutes.
	// +optional
	Trapped int32 `json:"trapped,omitempty"`
	// restarted is how many of them have restarted within a minute after the filter last changed.
	// +optional
	Restarted int32 `json:"restarted,omitempty"`
	// requested is how many of them have requested the module from the module server. A proxy that has it already
	// does not request it again.
	Requested int32 `json:"requested"`
	// lastRequestTime is when one of them last requested it.
	// +optional
	LastRequestTime *metav1.Time `json:"lastRequestTime,omitempty"`
	// notRunning are proxies that do not run the filter, or in which it traps on requests again and again: the worst
	// first, at most 10. The others of those that are selected run it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	NotRunning []ProxyStatus `json:"notRunning,omitempty"`
}

// ProxyStatus is what has become of the filter in one proxy.
type ProxyStatus struct {
	// namespace of the proxy's Pod.
	Namespace string `json:"namespace"`
	// pod is the name of the proxy's Pod.
	Pod string `json:"pod"`
	// state is one word: CrashLooping, Restarting, StartFailed, Rejected, Trapping, LoadFailed, LoadFailing, NotInserted,
	// Loading or Unknown.
	State string `json:"state"`
	// message says of the proxy what has become of the filter.
	// +optional
	Message string `json:"message,omitempty"`
	// since is when it was first found in this state.
	Since metav1.Time `json:"since"`
}
