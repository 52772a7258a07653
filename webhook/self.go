package webhook

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// ownLabels are those of wasmer's pods, by manifests/workload/deployment.yaml.
var ownLabels = map[string]string{
	"app.kubernetes.io/name":  "wasmer",
	"sidecar.istio.io/inject": "false",
}

// ValidateSelf refuses an AutoWasm that selects the pods of wasmer, in its own
// namespace or from Istio's root, and does not carry AnnotationAllowSelf: if they have
// a proxy, it waits for a module that it would have to load through itself, and none
// is served any more. What is for gateways does not concern sidecars. A namespace of
// "" is none.
//
// manifests/webhook/self.yaml says the same to the API server, which does not send
// the objects of wasmer's own namespace here.
func ValidateSelf(aw *v1alpha1.AutoWasm, ownNamespace, rootNamespace string) field.ErrorList {
	reaches := aw.Namespace != "" && (aw.Namespace == ownNamespace || aw.Namespace == rootNamespace)
	if !reaches || !selectsOwn(aw) || aw.Annotations[v1alpha1.AnnotationAllowSelf] == "true" {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec", "selector", "matchLabels"), fmt.Sprintf(
		"this selects wasmer's own pods, whose proxies would have to load the module through themselves: narrow the selector, or set the annotation %s to %q if that is wanted",
		v1alpha1.AnnotationAllowSelf, "true"))}
}

func selectsOwn(aw *v1alpha1.AutoWasm) bool {
	if aw.Spec.Filter.Context == v1alpha1.Gateway {
		return false
	}
	for key, value := range aw.Spec.Selector.Labels() {
		if own, ok := ownLabels[key]; !ok || own != value {
			return false
		}
	}
	return true
}
