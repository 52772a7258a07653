package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The webhook does not see the root namespace, nor wasmer's own: the controller has to
// hold to their rules.
func TestControllerHoldsToTheScope(t *testing.T) {
	wasmer := &options{namespace: "wasmer", rootNamespace: "mesh-root"}
	const meshWide, self = v1alpha1.AnnotationAllowMeshWide, v1alpha1.AnnotationAllowSelf
	for name, tt := range map[string]struct {
		namespace, app string
		annotations    map[string]string
		refused        []string
	}{
		"a namespace of no meaning":    {"shop", "", nil, nil},
		"the root":                     {"mesh-root", "details", nil, []string{"metadata.namespace"}},
		"the root, with permission":    {"mesh-root", "details", map[string]string{meshWide: "true"}, nil},
		"all of the root":              {"mesh-root", "", map[string]string{meshWide: "true"}, []string{"spec.selector.matchLabels"}},
		"others in wasmer's namespace": {"wasmer", "details", nil, nil},
		"wasmer":                       {"wasmer", "", nil, []string{"spec.selector.matchLabels"}},
		"wasmer, with permission":      {"wasmer", "", map[string]string{self: "true"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			aw := &v1alpha1.AutoWasm{}
			aw.Namespace, aw.Name, aw.Annotations = tt.namespace, "test", tt.annotations
			aw.Spec.Filter.Source.Registry = &v1alpha1.RegistrySource{Image: "reg.example/x:v1"}
			if tt.app != "" {
				aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": v1alpha1.LabelValue(tt.app)}
			}
			var paths []string
			for _, err := range validatorFor(wasmer)(aw) {
				paths = append(paths, err.Field)
			}
			if diff := cmp.Diff(tt.refused, paths); diff != "" {
				t.Errorf("refused for (-want +got):\n%s", diff)
			}
		})
	}
}
