// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// autoWasm returns the smallest AutoWasm that can be rendered, changed by edits.
func autoWasm(edits ...func(*v1alpha1.AutoWasm)) *v1alpha1.AutoWasm {
	aw := &v1alpha1.AutoWasm{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "test"},
		Spec: v1alpha1.AutoWasmSpec{Filter: v1alpha1.Filter{
			Source: v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: "reg.example/f:v1"}},
		}},
	}
	for _, edit := range edits {
		edit(aw)
	}
	return aw
}

// fullAutoWasm sets every field that is rendered.
func fullAutoWasm() *v1alpha1.AutoWasm {
	return autoWasm(func(aw *v1alpha1.AutoWasm) {
		aw.Labels = map[string]string{"istio.io/rev": "canary"}
		aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": "details", "tier": "back", "version": "v1"}
		f := &aw.Spec.Filter
		f.ApplyPorts = []v1alpha1.Port{9080, 80, 8080}
		f.RootID, f.VMID = "root", "vm"
		f.Config = configJSON(`{"z":1,"a":{"b":[1,2]},"header":"hello","value":"world"}`)
		f.FailurePolicy, f.Context = v1alpha1.FailOpen, v1alpha1.Gateway
		f.Env = []v1alpha1.EnvVar{{Name: "B", Value: "b"}, {Name: "POD", FromHost: true}, {Name: "A", Value: "a"}, {Name: "C", Value: "c"}}
		f.Priority = new(int32(7))
		f.ProxyVersion = `^1\.2[0-9].*`
		f.AllowPrecompiled = true
	})
}

func configJSON(raw string) *apiextensionsv1.JSON {
	return &apiextensionsv1.JSON{Raw: []byte(raw)}
}

// edit changes the filter of an autoWasm.
func edit(change func(*v1alpha1.Filter)) *v1alpha1.AutoWasm {
	return autoWasm(func(aw *v1alpha1.AutoWasm) { change(&aw.Spec.Filter) })
}
