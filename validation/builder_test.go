// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// change is one deviation from a good AutoWasm.
type change func(*v1alpha1.AutoWasm)

// autoWasm is the tutorial's sample, with changes.
func autoWasm(changes ...change) *v1alpha1.AutoWasm {
	aw := &v1alpha1.AutoWasm{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: "test", Namespace: "default", Generation: 1},
		Spec: v1alpha1.AutoWasmSpec{
			Selector: v1alpha1.WorkloadSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "details"}},
			Filter: v1alpha1.Filter{
				ApplyPorts: []v1alpha1.Port{9080},
				RootID:     "test",
				VMID:       "test",
				Source:     fromRegistry("reg.example/wasm-add-header:v0.3"),
			},
			Secret: "test",
		},
	}
	for _, apply := range changes {
		apply(aw)
	}
	return aw
}

func fromRegistry(image string) v1alpha1.Source {
	return v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: image, PullPolicy: v1alpha1.PullIfNotPresent}}
}

func fromObject(url, sha256 string) v1alpha1.Source {
	return v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url, SHA256: sha256}}
}

func fromConfigMap(name, key string) v1alpha1.Source {
	return v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: name, Key: key}}
}

func withSource(s v1alpha1.Source) change {
	return func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Source = s; aw.Spec.Secret = "" }
}

func withPorts(ports ...v1alpha1.Port) change {
	return func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.ApplyPorts = ports }
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode %T: %v", v, err)
	}
	return raw
}

func decodeMap(t testing.TB, raw string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return object
}

func nameOf(length int) string { return strings.Repeat("a", length) }
