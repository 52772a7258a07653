package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/webhook"
)

// The webhook does not see the root namespace where it is wasmer's own: the
// controller has to hold to the rule.
func TestControllerHoldsToTheScope(t *testing.T) {
	aw := &v1alpha1.AutoWasm{}
	aw.Namespace, aw.Name = "mesh-root", "test"
	aw.Spec.Filter.Source.Registry = &v1alpha1.RegistrySource{Image: "reg.example/x:v1"}
	refused := validatorFor("mesh-root")(aw)
	var paths []string
	for _, err := range refused {
		paths = append(paths, err.Field)
	}
	if diff := cmp.Diff([]string{"metadata.namespace"}, paths); diff != "" {
		t.Errorf("refused for (-want +got):\n%s", diff)
	}
	if errs := validatorFor("istio-system")(aw); len(errs) > 0 {
		t.Errorf("refused in a namespace of no meaning: %v", errs)
	}
	aw.Annotations = map[string]string{webhook.AnnotationAllowMeshWide: "true"}
	if errs := validatorFor("mesh-root")(aw); len(errs) > 0 {
		t.Errorf("refused with the annotation: %v", errs)
	}
}
