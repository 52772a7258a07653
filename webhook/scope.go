package webhook

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// ValidateScope refuses an AutoWasm in Istio's root namespace that does not carry
// AnnotationAllowMeshWide: Istio applies what is there to every namespace, which who
// may write to that namespace for another reason may not want, or not be wanted to.
// A rootNamespace of "" is none.
//
// manifests/webhook/scope.yaml says the same to the API server, which does not send
// the objects of wasmer's own namespace here.
func ValidateScope(aw *v1alpha1.AutoWasm, rootNamespace string) field.ErrorList {
	if !meshWide(aw, rootNamespace) || aw.Annotations[v1alpha1.AnnotationAllowMeshWide] == "true" {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("metadata", "namespace"), fmt.Sprintf(
		"%s is Istio's root namespace, so the filter would run in the proxies of every namespace: choose another namespace, or set the annotation %s to %q if that is wanted",
		rootNamespace, v1alpha1.AnnotationAllowMeshWide, "true"))}
}

// scope is what the validator knows of namespaces.
type scope struct {
	own, root string
	excluded  []string
}

func scopeOf(o Options) scope {
	return scope{own: o.OwnNamespace, root: o.RootNamespace, excluded: []string{o.OwnNamespace, o.RootNamespace, metav1.NamespaceSystem}}
}

// refuses are the reasons not to let aw reach so far without its saying so.
func (s scope) refuses(aw *v1alpha1.AutoWasm) field.ErrorList {
	return append(ValidateScope(aw, s.root), ValidateSelf(aw, s.own, s.root)...)
}

// excludes reports whether aw is in a namespace that the webhook configurations
// leave out. Such a request may come from anybody but the API server, and must not
// have a secret used or a filter staged where most harm is done.
func (s scope) excludes(aw *v1alpha1.AutoWasm) bool { return slices.Contains(s.excluded, aw.Namespace) }

// meshWide reports whether the proxies of every namespace get what aw asks for.
func meshWide(aw *v1alpha1.AutoWasm, rootNamespace string) bool {
	return rootNamespace != "" && aw.Namespace == rootNamespace
}

// scopeWarnings says where a filter runs that does so in more than some pods of its
// namespace.
func scopeWarnings(aw *v1alpha1.AutoWasm, rootNamespace string) []string {
	everyPod := len(aw.Spec.Selector.MatchLabels) == 0
	switch mesh := meshWide(aw, rootNamespace); {
	case mesh && everyPod:
		return []string{warning("spec.selector is empty in Istio's root namespace: the filter runs in every proxy of the mesh")}
	case mesh:
		return []string{warning("this is Istio's root namespace: the filter runs in the selected proxies of every namespace")}
	case everyPod:
		return []string{warning("spec.selector is empty: the filter runs in every proxy of namespace %s", shortened(aw.Namespace))}
	}
	return nil
}
