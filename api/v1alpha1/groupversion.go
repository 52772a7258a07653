package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "wasm.tcm.io", Version: "v1alpha1"}

// Kind and Resource name the one type of this package, as messages and clients
// need them.
const (
	Kind     = "AutoWasm"
	Resource = "autowasms"
)

// SchemeBuilder collects the functions that AddToScheme calls.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the types of this package with a scheme.
var AddToScheme = SchemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &AutoWasm{}, &AutoWasmList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
