// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AutoWasm puts one Wasm filter into the Envoy proxies that its selector matches, in its own namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=autowasms,singular=autowasm,shortName=aw,categories=istio-io,scope=Namespaced
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.spec.secret`
// +kubebuilder:printcolumn:name="Match",type=string,JSONPath=`.spec.selector.matchLabels`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.filter.source`
// +kubebuilder:printcolumn:name="ApplyPorts",type=string,JSONPath=`.spec.filter.applyPorts`
// +kubebuilder:printcolumn:name="Time",type=string,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Running",type=integer,JSONPath=`.status.proxies.running`,priority=1
// +kubebuilder:printcolumn:name="Selected",type=integer,JSONPath=`.status.proxies.selected`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=1
type AutoWasm struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the desired state.
	// +required
	Spec AutoWasmSpec `json:"spec"`

	// status is the observed state. It starts as not yet observed, so that tools that wait for readiness do not
	// mistake a new object for a ready one.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status AutoWasmStatus `json:"status,omitempty"`
}

// IsConditionTrue reports whether a condition is True of the present generation.
func (aw *AutoWasm) IsConditionTrue(conditionType string) bool {
	c := meta.FindStatusCondition(aw.Status.Conditions, conditionType)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == aw.Generation
}

// AutoWasmList is a list of AutoWasm objects.
//
// +kubebuilder:object:root=true
type AutoWasmList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AutoWasm `json:"items"`
}

// AutoWasmSpec is the desired state: which proxies run which filter.
type AutoWasmSpec struct {
	// selector chooses the proxies by the labels of their pods, in the AutoWasm's own namespace. Absent or empty
	// selects every pod of the namespace.
	// +optional
	Selector WorkloadSelector `json:"selector,omitzero"`

	// secret names a Secret of type kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg in the AutoWasm's
	// namespace. It is used to read a registry source and never leaves the server. Empty for public images.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$`
	Secret string `json:"secret,omitempty"`

	// filter is the Wasm filter.
	// +required
	Filter Filter `json:"filter"`
}

// WorkloadSelector chooses proxies by the labels of their pods.
type WorkloadSelector struct {
	// matchLabels must all be carried by a pod for its proxy to run the filter; at most 64, without wildcards. Absent or
	// empty selects every pod of the namespace. In Istio's root namespace pods of all namespaces are selected, which takes
	// the annotation wasm.tcm.io/allow-mesh-wide: "true"; wasmer's own pods take wasm.tcm.io/allow-self: "true".
	// +optional
	// +mapType=atomic
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.indexOf('/') <= 253 && key.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="each key must be a valid label key such as app or example.com/app, without wildcards"
	// +kubebuilder:validation:XValidation:rule="self.all(key, self[key].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))",message="each value must be a valid label value (letters, digits, '-', '_' and '.'), without wildcards"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`
}

// Labels returns matchLabels as plain strings, nil when there are none.
func (s WorkloadSelector) Labels() map[string]string {
	if len(s.MatchLabels) == 0 {
		return nil
	}
	labels := make(map[string]string, len(s.MatchLabels))
	for key, value := range s.MatchLabels {
		labels[key] = string(value)
	}
	return labels
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
type LabelValue string
