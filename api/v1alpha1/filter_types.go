// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Filter is one Wasm filter and how it is run.
type Filter struct {
	// applyPorts are the ports on which the filter takes effect: for the context Inbound the ports that the
	// workload's container listens on, for Outbound the port of the called Service, for Gateway the port that the
	// gateway's pod listens on. Each is 1 to 65535; at most 64, without duplicates. Absent means all HTTP ports.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(port, self.exists_one(other, other == port))",message="each port may be given only once"
	ApplyPorts []Port `json:"applyPorts,omitempty"`

	// rootID is the root context that the module registers; it shares the root context among the filters with the
	// same vmID and rootID. C++ and AssemblyScript modules refuse a rootID that they do not register. At most 256
	// characters, without control characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	RootID string `json:"rootID,omitempty"`

	// vmID names the Wasm virtual machine: filters with the same vmID and the same module share one of a proxy. At most
	// 256 characters, without control characters. Absent, it is generated as <namespace>.<name>.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	VMID string `json:"vmID,omitempty"`

	// source is where the module comes from.
	// +required
	Source Source `json:"source"`

	// config is the plugin's configuration. A string is passed to the module as it is, any other JSON value as
	// compact JSON with sorted keys; absent or null passes none. At most 256 KiB, and config and env together, once for
	// each of applyPorts, at most 1 MiB.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Config *apiextensionsv1.JSON `json:"config,omitempty"`

	// failurePolicy says what a proxy does with requests while the module cannot run: FailReload answers 503, and
	// restarts a module that crashed; FailClosed answers 503 from a crash on; FailOpen passes requests on without the
	// filter. Absent is FailReload, which Envoy knows since 1.33 (Istio 1.25).
	// +optional
	FailurePolicy FailurePolicy `json:"failurePolicy,omitempty"`

	// env are the environment variables of the module, each name once; at most 64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(variable, self.exists_one(other, other.name == variable.name))",message="each variable may be given only once"
	Env []EnvVar `json:"env,omitempty"`

	// context is the side of the proxies on which the filter runs. Absent means Inbound.
	// +optional
	Context Context `json:"context,omitempty"`

	// priority orders this filter among the others on the same proxy: lower runs first. Filters of equal priority run
	// in the order of their creation. A number of 32 bits; absent means 0.
	// +optional
	Priority *int32 `json:"priority,omitempty"`

	// proxyVersion restricts the filter to proxies whose Istio version matches this regular expression (RE2), of at most
	// 1024 bytes. Absent means all.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	ProxyVersion string `json:"proxyVersion,omitempty"`

	// allowPrecompiled lets Envoy run precompiled native code that the module may carry. Such code is not verified:
	// leave it off unless you built the module yourself. Absent means false.
	// +optional
	AllowPrecompiled bool `json:"allowPrecompiled,omitempty"`
}

// Port is a TCP port, 1 to 65535.
//
// +kubebuilder:validation:Minimum=1
// +kubebuilder:validation:Maximum=65535
type Port int32

// FailurePolicy says what a proxy does while the module cannot run.
//
// +kubebuilder:validation:Enum=FailClosed;FailOpen;FailReload
type FailurePolicy string

// The failure policies; the empty one is FailReload.
const (
	FailClosed FailurePolicy = "FailClosed"
	FailOpen   FailurePolicy = "FailOpen"
	FailReload FailurePolicy = "FailReload"
)

// Context is the side of a proxy on which the filter runs.
//
// +kubebuilder:validation:Enum=Inbound;Outbound;Gateway
type Context string

// The contexts; the empty one is Inbound.
const (
	Inbound  Context = "Inbound"
	Outbound Context = "Outbound"
	Gateway  Context = "Gateway"
)

// EnvVar is one environment variable of the module.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.value) && has(self.fromHost) && self.fromHost)",message="value and fromHost exclude each other: set a value, or take it from the proxy's environment"
type EnvVar struct {
	// name of the variable: 1 to 256 characters, without "=".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^[^=\x00]+$`
	Name string `json:"name"`

	// value of the variable, at most 2048 characters. It excludes fromHost.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Value string `json:"value,omitempty"`

	// fromHost takes the value from the environment of the proxy. Absent means false.
	// +optional
	FromHost bool `json:"fromHost,omitempty"`
}
