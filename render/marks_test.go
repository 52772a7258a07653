// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

// TestMarks: the whole object, but for its spec, is what is sent.
func TestMarks(t *testing.T) {
	aw := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Generation = 3 })
	module := render.Module{SHA256: tutorialSHA256, Reference: "https://bucket.example/f.wasm?signature=s3cret", Reload: 2}
	u := rendered(t, aw, module, testOptions)
	plugin := render.PluginOf(u).String()
	delete(u.Object, "spec")
	want := map[string]any{
		"apiVersion": "networking.istio.io/v1alpha3",
		"kind":       "EnvoyFilter",
		"metadata": map[string]any{
			"name":      "test",
			"namespace": "default",
			"labels": map[string]any{
				"app.kubernetes.io/managed-by": "autowasm",
				"wasm.tcm.io/autowasm":         "test",
			},
			"annotations": map[string]any{
				"wasm.tcm.io/owner":      "default/test",
				"wasm.tcm.io/module":     tutorialSHA256,
				"wasm.tcm.io/plugin":     plugin,
				"wasm.tcm.io/reload":     "2",
				"wasm.tcm.io/generation": "3",
				"wasm.tcm.io/spec-hash":  render.SpecHash(&aw.Spec),
				"wasm.tcm.io/reference":  "https://bucket.example/f.wasm",
			},
		},
	}
	if diff := cmp.Diff(want, u.Object); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(plugin, "autowasm.default.test.") {
		t.Errorf("plugin %q", plugin)
	}
}

func TestNameLabel(t *testing.T) {
	tests := map[string]struct{ name, want string }{
		"short":    {"test", "test"},
		"longest":  {strings.Repeat("a", 63), strings.Repeat("a", 63)},
		"too long": {strings.Repeat("a", 64), strings.Repeat("a", 52) + "-ffe054fe7a"},
		"dots":     {strings.Repeat("a.", 40) + "b", strings.Repeat("a.", 26) + "-" + "a9ef48af0a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := nameLabelOf(t, test.name)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if problems := validation.IsValidLabelValue(got); len(problems) > 0 {
				t.Errorf("%q is no label value: %v", got, problems)
			}
		})
	}
}

func TestNameLabelTellsLongNamesApart(t *testing.T) {
	long := strings.Repeat("a", 100)
	if nameLabelOf(t, long+"x") == nameLabelOf(t, long+"y") {
		t.Error("two names, one label")
	}
}

func nameLabelOf(t *testing.T, name string) string {
	t.Helper()
	aw := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Name = name })
	return rendered(t, aw, testModule, testOptions).GetLabels()[v1alpha1.LabelName]
}

// TestReferencedServices: only filters for gateways name the module server, and only
// when it is a cluster that istiod makes.
func TestReferencedServices(t *testing.T) {
	const fqdn, wasmer = "wasmer.istio-system.svc.cluster.local", "outbound|8081||wasmer.istio-system.svc.cluster.local"
	for name, tc := range map[string]struct {
		context v1alpha1.Context
		cluster string
		want    string
	}{
		"gateway":            {v1alpha1.Gateway, wasmer, "istio-system/" + fqdn},
		"a subset":           {v1alpha1.Gateway, "outbound|8081|v1|" + fqdn, "istio-system/" + fqdn},
		"a host elsewhere":   {v1alpha1.Gateway, "outbound|443||modules.example.com", "modules.example.com"},
		"a cluster by hand":  {v1alpha1.Gateway, "modules", ""},
		"inbound cluster":    {v1alpha1.Gateway, "inbound|8081||", ""},
		"two hosts":          {v1alpha1.Gateway, "outbound|8081||a,b", ""},
		"inbound":            {v1alpha1.Inbound, wasmer, ""},
		"outbound":           {v1alpha1.Outbound, wasmer, ""},
		"absent, so inbound": {"", wasmer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			aw := &v1alpha1.AutoWasm{}
			aw.Namespace, aw.Name, aw.Spec.Filter.Context = "default", "test", tc.context
			ef := rendered(t, aw, testModule, render.Options{Cluster: tc.cluster, BaseURL: testOptions.BaseURL})
			got, present := ef.GetAnnotations()[istio.AnnotationReferencedServices]
			if diff := cmp.Diff(tc.want, got); diff != "" || present != (tc.want != "") {
				t.Errorf("present: %t (-want +got):\n%s", present, diff)
			}
		})
	}
}

func TestProvenance(t *testing.T) {
	aw := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Generation = 3 })
	ef := rendered(t, aw, render.Module{SHA256: tutorialSHA256, Reference: "reg.example/f@sha256:00"}, testOptions)
	want := render.Provenance{Generation: 3, SpecHash: render.SpecHash(&aw.Spec), Reference: "reg.example/f@sha256:00"}
	if diff := cmp.Diff(want, render.ProvenanceOf(ef)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnknownProvenance: what is not known yet has no annotation.
func TestUnknownProvenance(t *testing.T) {
	ef := rendered(t, autoWasm(), testModule, testOptions)
	if p := render.ProvenanceOf(ef); p.Generation != 0 || p.Reference != "" || len(ef.GetAnnotations()) != 4 {
		t.Errorf("annotations %v", ef.GetAnnotations())
	}
}

func TestProvenanceEditedByHand(t *testing.T) {
	edited := &metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationGeneration: "many"}}
	if got := render.ProvenanceOf(edited); got.Generation != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestSpecHash(t *testing.T) {
	hash := func(change func(*v1alpha1.Filter)) string { return render.SpecHash(&edit(change).Spec) }
	config := func(raw string) string { return hash(func(f *v1alpha1.Filter) { f.Config = configJSON(raw) }) }
	plain := hash(func(*v1alpha1.Filter) {})
	if len(plain) != 16 {
		t.Fatalf("got %q, want 16 digits", plain)
	}
	same := map[string][2]string{
		"key order":   {config(`{"a":1,"b":2}`), config(`{"b":2,"a":1}`)},
		"white space": {config(`{"a":1}`), config("{ \"a\" : 1\n}")},
		"empty list":  {plain, hash(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{} })},
	}
	for name, pair := range same {
		if pair[0] != pair[1] || pair[0] == "" {
			t.Errorf("%s: %q and %q differ", name, pair[0], pair[1])
		}
	}
	different := map[string][2]string{
		"value":       {config(`{"a":1}`), config(`{"a":2}`)},
		"big numbers": {config(`9007199254740992`), config(`9007199254740993`)},
		"a port":      {plain, hash(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{80} })},
		"priority 0":  {plain, hash(func(f *v1alpha1.Filter) { f.Priority = new(int32) })},
	}
	for name, pair := range different {
		if pair[0] == pair[1] {
			t.Errorf("%s: both %q", name, pair[0])
		}
	}
	if got := config(`{`); got != "" {
		t.Errorf("broken config: %q", got)
	}
}

// No proxy takes what is staged, whatever the AutoWasm selects.
func TestStage(t *testing.T) {
	for name, selector := range map[string]map[string]v1alpha1.LabelValue{
		"some": {"app": "details"}, "all of the namespace": nil, "one that says it is staged": {v1alpha1.LabelStaged: "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			aw := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Selector.MatchLabels = selector })
			ef := rendered(t, aw, testModule, testOptions)
			if err := render.Stage(ef, "705ab4f5"); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{v1alpha1.LabelStaged: "705ab4f5"}
			if selector["app"] != "" {
				want["app"] = "details"
			}
			got, _, err := unstructured.NestedStringMap(ef.Object, "spec", "workloadSelector", "labels")
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("selector (-want +got): %v\n%s", err, diff)
			}
		})
	}
}
