package controller

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1alpha1 "github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/render"
)

// resolvedAt has the status say that the source resolved to a module for a
// generation.
func resolvedAt(generation int64, sha256 string) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) {
		aw.Status.Module = moduleStatus(sha256)
		aw.Status.Module.Source = source.SourceID(aw.Spec.Filter.Source)
		aw.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionSourceResolved, Status: metav1.ConditionTrue, ObservedGeneration: generation}}
	}
}

// renderedWith is our EnvoyFilter for the spec of aw and a module.
func renderedWith(t *testing.T, aw *v1alpha1.AutoWasm, sha256 string) *unstructured.Unstructured {
	t.Helper()
	ef, err := wantedEnvoyFilter(aw, moduleStatus(sha256), testRender)
	if err != nil {
		t.Fatal(err)
	}
	ef.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: render.FieldManager, Operation: metav1.ManagedFieldsOperationUpdate}})
	return ef
}

func TestChoosePin(t *testing.T) {
	always := image(imageV1, v1alpha1.PullAlways)
	declared := func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Filter.Source = v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: "https://bucket.example/f.wasm", SHA256: shaB}}
	}
	annotate := func(key, value string) func(*unstructured.Unstructured) {
		return func(ef *unstructured.Unstructured) {
			annotations := ef.GetAnnotations()
			annotations[key] = value
			ef.SetAnnotations(annotations)
		}
	}
	tests := []struct {
		name string
		aw   *v1alpha1.AutoWasm
		ef   string // the module it was rendered with, "" for none
		edit func(*unstructured.Unstructured)
		want string
	}{
		{"new", autoWasm(), "", nil, ""},
		{"staged", autoWasm(), shaA, nil, shaA},
		{"staged for another spec", autoWasm(), shaA, annotate(render.AnnotationSpecHash, "0123456789abcdef"), ""},
		{"staged without a hash", autoWasm(), shaA, annotate(render.AnnotationSpecHash, ""), ""},
		{"a module that is no hash", autoWasm(), shaA, annotate(render.AnnotationModule, "../../etc/passwd"), ""},
		{"foreign", autoWasm(), shaA, func(ef *unstructured.Unstructured) { ef.SetManagedFields(nil) }, ""},
		{"resolved", autoWasm(resolvedAt(1, shaA)), "", nil, shaA},
		{"resolved, and an edited EnvoyFilter", autoWasm(resolvedAt(1, shaA)), shaB, nil, shaA},
		{"resolved for an earlier generation", autoWasm(resolvedAt(1, shaA), generation(2)), "", nil, shaA},
		{"resolved for another source", autoWasm(resolvedAt(1, shaA), image(imageV2, "")), "", nil, ""},
		{"Always, this generation", autoWasm(always, resolvedAt(1, shaA)), "", nil, shaA},
		{"Always, an earlier generation", autoWasm(always, resolvedAt(1, shaA), generation(2)), "", nil, ""},
		{"Always, applied just before a crash", autoWasm(always, resolvedAt(1, shaA), generation(2)), shaB, nil, shaB},
		{"a declared hash", autoWasm(declared, resolvedAt(1, shaB)), "", nil, shaB},
		{"a declared hash against the status", autoWasm(declared, resolvedAt(1, shaA)), "", nil, ""},
		{"a declared hash against the EnvoyFilter", autoWasm(declared), shaA, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var ef *unstructured.Unstructured
			if tt.ef != "" {
				ef = renderedWith(t, tt.aw, tt.ef)
			}
			if tt.edit != nil {
				tt.edit(ef)
			}
			var want *pin
			if tt.want != "" {
				want = &pin{SHA256: tt.want, Reference: fetched(tt.want).Reference}
			}
			if diff := cmp.Diff(want, choosePin(tt.aw, ef)); diff != "" {
				t.Errorf("pin (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAsksAgain(t *testing.T) {
	for reference, want := range map[string]bool{
		"reg.example/filter":                       true,
		"reg.example/filter:latest":                true,
		"reg.example:5000/filter":                  true,
		"reg.example:5000/filter:v1":               false,
		"reg.example/filter:v1":                    false,
		"reg.example/filter@sha256:" + shaA:        false,
		"reg.example/filter:latest@sha256:" + shaA: false,
	} {
		if got := asksAgain(autoWasm(image(reference, "")).Spec.Filter.Source); got != want {
			t.Errorf("asksAgain(%s) = %v, want %v", reference, got, want)
		}
	}
	digest := autoWasm(image("reg.example/filter@sha256:"+shaA, v1alpha1.PullAlways))
	if asksAgain(digest.Spec.Filter.Source) {
		t.Error("a digest is asked for again")
	}
	if asksAgain(v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: "m", Key: "k"}}) {
		t.Error("a ConfigMap is asked for again")
	}
}

func TestPinnedRequest(t *testing.T) {
	const url = "https://bucket.example/f.wasm"
	object := autoWasm(func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Secret = "regcred"
		aw.Spec.Filter.Source = v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url}}
	})
	configMap := v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: "m", Key: "k"}}
	tests := map[string]struct {
		aw   *v1alpha1.AutoWasm
		p    pin
		want source.Request
	}{
		"an image":                   {autoWasm(), pin{shaA, fetched(shaA).Reference}, source.Request{Source: autoWasm().Spec.Filter.Source, Pinned: fetched(shaA).Reference}},
		"an image, digest not known": {autoWasm(), pin{shaA, ""}, source.Request{Source: autoWasm().Spec.Filter.Source}},
		"an object":                  {object, pin{shaA, url}, source.Request{Secret: "regcred", Source: v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: url, SHA256: shaA}}}},
		"a ConfigMap":                {autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Source = configMap }), pin{shaA, "configmap/shop/m/k"}, source.Request{Source: configMap}},
	}
	for name, tt := range tests {
		tt.want.Namespace, tt.want.Name = testKey.Namespace, testKey.Name
		if diff := cmp.Diff(tt.want, pinnedRequest(tt.aw, &tt.p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if object.Spec.Filter.Source.Object.SHA256 != "" {
		t.Error("the AutoWasm was changed")
	}
}

func TestNoSignatureInTheEnvoyFilter(t *testing.T) {
	m := moduleStatus(shaA)
	m.Reference = "https://bucket.example/f.wasm?X-Amz-Signature=secret"
	ef, err := wantedEnvoyFilter(autoWasm(), m, testRender)
	if err != nil {
		t.Fatal(err)
	}
	if got := render.ProvenanceOf(ef).Reference; got != "https://bucket.example/f.wasm" {
		t.Errorf("reference = %s", got)
	}
}
