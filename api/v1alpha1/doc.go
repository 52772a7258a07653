// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the AutoWasm API: the types that a user writes, the rules that the API server itself enforces
// on them (schema and CEL, in the kubebuilder markers), and the names of conditions, reasons, labels and annotations.
//
// One AutoWasm says which Wasm module runs in which Envoy proxies. Every rule that a schema can express is in the
// schema, so that it holds even while the admission webhook is down; package validation has the rules that need code,
// and package webhook checks the module and other objects.
//
// The package imports nothing else of this project, so that a client can use it alone.
//
// +kubebuilder:object:generate=true
// +groupName=wasm.tcm.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "wasm.tcm.io", Version: "v1alpha1"}

// Kind is that of the one type of this package.
const Kind = "AutoWasm"

// SchemeBuilder collects the functions that AddToScheme calls.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the types of this package with a scheme.
var AddToScheme = SchemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &AutoWasm{}, &AutoWasmList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
