// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/text"
)

// ownLabels are those of wasmer's pods, by manifests/workload/deployment.yaml.
var ownLabels = map[string]string{
	"app.kubernetes.io/name":  "wasmer",
	"sidecar.istio.io/inject": "false",
}

// ValidateScope is the part of Validate that refuses an AutoWasm for the proxies that it reaches. An annotation can
// allow these, so that an update may break one of these rules without a change to the spec.
//
// manifests/webhook/scope.yaml and self.yaml say the same to the API server, which does not send the objects of
// wasmer's own namespace to the webhooks.
func ValidateScope(aw *v1alpha1.AutoWasm, o Options) field.ErrorList {
	return append(validateMeshWide(aw, o.RootNamespace), validateSelf(aw, o)...)
}

// validateMeshWide refuses an AutoWasm in Istio's root namespace that does not carry AnnotationAllowMeshWide: who may
// write there for another reason may not expect that Istio applies it to every namespace.
func validateMeshWide(aw *v1alpha1.AutoWasm, rootNamespace string) field.ErrorList {
	if !isMeshWide(aw, rootNamespace) || aw.Annotations[v1alpha1.AnnotationAllowMeshWide] == "true" {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("metadata", "namespace"), fmt.Sprintf(
		"%s is Istio's root namespace, so the filter would run in the proxies of every namespace: choose another namespace, or set the annotation %s to %q if that is wanted",
		rootNamespace, v1alpha1.AnnotationAllowMeshWide, "true"))}
}

// validateSelf refuses an AutoWasm that selects the pods of wasmer, in its own namespace or from Istio's root, and
// does not carry AnnotationAllowSelf: if they have a proxy, it waits for a module that it would have to load through
// itself, and none is served any more. A filter for gateways does not concern sidecars.
func validateSelf(aw *v1alpha1.AutoWasm, o Options) field.ErrorList {
	reaches := aw.Namespace != "" && (aw.Namespace == o.OwnNamespace || aw.Namespace == o.RootNamespace)
	if !reaches || !selectsOwn(aw) || aw.Annotations[v1alpha1.AnnotationAllowSelf] == "true" {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec", "selector", "matchLabels"), fmt.Sprintf(
		"this selects wasmer's own pods, whose proxies would have to load the module through themselves: narrow the selector, or set the annotation %s to %q if that is wanted",
		v1alpha1.AnnotationAllowSelf, "true"))}
}

func selectsOwn(aw *v1alpha1.AutoWasm) bool {
	return aw.Spec.Filter.Context != v1alpha1.Gateway &&
		labels.SelectorFromValidatedSet(aw.Spec.Selector.Labels()).Matches(labels.Set(ownLabels))
}

// isMeshWide reports whether the proxies of every namespace get what aw asks for.
func isMeshWide(aw *v1alpha1.AutoWasm, rootNamespace string) bool {
	return rootNamespace != "" && aw.Namespace == rootNamespace
}

// scopeWarnings says where a filter runs that does so in more than some pods of its namespace.
func scopeWarnings(aw *v1alpha1.AutoWasm, rootNamespace string) []string {
	everyPod := len(aw.Spec.Selector.MatchLabels) == 0
	switch meshWide := isMeshWide(aw, rootNamespace); {
	case meshWide && everyPod:
		return []string{Warning("spec.selector is empty in Istio's root namespace: the filter runs in every proxy of the mesh")}
	case meshWide:
		return []string{Warning("this is Istio's root namespace: the filter runs in the selected proxies of every namespace")}
	case everyPod:
		return []string{Warning("spec.selector is empty: the filter runs in every proxy of namespace %s", text.Elide(aw.Namespace))}
	}
	return nil
}
