// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"encoding/json"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

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

func filter(set func(*v1alpha1.Filter)) change {
	return func(aw *v1alpha1.AutoWasm) { set(&aw.Spec.Filter) }
}

func image(image string) change { return withSource(fromRegistry(image)) }

func address(url string) change { return withSource(fromObject(url, "")) }

func inNamespace(name string) change {
	return func(aw *v1alpha1.AutoWasm) { aw.Namespace = name }
}

func allow(annotation string) change {
	return func(aw *v1alpha1.AutoWasm) { aw.Annotations = map[string]string{annotation: "true"} }
}

func selectingAll(aw *v1alpha1.AutoWasm) { aw.Spec.Selector.MatchLabels = nil }

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// requestFor is what the API server sends for aw.
func requestFor(t testing.TB, operation admissionv1.Operation, aw *v1alpha1.AutoWasm) admission.Request {
	t.Helper()
	return rawRequest(operation, encode(t, aw))
}

func rawRequest(operation admissionv1.Operation, raw []byte) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		UID:       "705ab4f5-6393-11e8-b7cc-42010a800002",
		Kind:      metav1.GroupVersionKind{Group: "wasm.tcm.io", Version: "v1alpha1", Kind: "AutoWasm"},
		Resource:  metav1.GroupVersionResource{Group: "wasm.tcm.io", Version: "v1alpha1", Resource: "autowasms"},
		Name:      "test",
		Namespace: "default",
		Operation: operation,
		Object:    runtime.RawExtension{Raw: raw},
	}}
}

// updateRequest is what the API server sends for a change of old to aw.
func updateRequest(t testing.TB, old, aw *v1alpha1.AutoWasm) admission.Request {
	t.Helper()
	req := requestFor(t, admissionv1.Update, aw)
	req.OldObject.Raw = encode(t, old)
	return req
}

func dryRun(req admission.Request) admission.Request {
	yes := true
	req.DryRun = &yes
	return req
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
	object, err := decodeRaw([]byte(raw))
	if err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return object
}

func unsetVMID(f *v1alpha1.Filter) { f.VMID = "" }

func withConfig(aw *v1alpha1.AutoWasm) {
	aw.Spec.Filter.Config = &apiextensionsv1.JSON{Raw: []byte(`"cccccccccccccccccc"`)}
}

// checkWarning holds a line to what clients show whole.
func checkWarning(t *testing.T, line string) {
	t.Helper()
	if len([]rune(line)) >= 120 || strings.ContainsAny(line, "\r\n") || strings.HasPrefix(line, "Warning") {
		t.Errorf("a client would not show the warning as it is: %q", line)
	}
}
