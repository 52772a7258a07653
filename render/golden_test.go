// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// tutorialSHA256 is the module of the tutorial's sample.
const tutorialSHA256 = "750d63889653e7117fcbc0831f10f0e1d3f7ec0c82fe5787b71d08a783e3393f"

var (
	testModule  = render.Module{SHA256: tutorialSHA256}
	testOptions = render.Options{
		Cluster: "outbound|8081||wasmer.istio-system.svc.cluster.local",
		BaseURL: "http://wasmer.istio-system.svc.cluster.local:8081",
	}
)

// TestGolden renders each testdata/*.in.yaml and compares with its *.out.yaml,
// which lacks what TestMarks covers: the hash of the spec.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) < 20 {
		t.Fatalf("found %d inputs: %v", len(inputs), err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".in.yaml")
		t.Run(name, func(t *testing.T) { golden(t, input, filepath.Join("testdata", name+".out.yaml")) })
	}
}

func golden(t *testing.T, input, output string) {
	t.Helper()
	got := renderYAML(t, readAutoWasm(t, input))
	if *update {
		if err := os.WriteFile(output, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(output)
	if err != nil {
		t.Fatalf("no golden file; run go test ./render -update: %v", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", output, diff)
	}
}

func readAutoWasm(t testing.TB, path string) *v1alpha1.AutoWasm {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	aw := &v1alpha1.AutoWasm{}
	if err := yaml.UnmarshalStrict(raw, aw); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return aw
}

func renderYAML(t testing.TB, aw *v1alpha1.AutoWasm) []byte {
	t.Helper()
	ef := rendered(t, aw, testModule, testOptions)
	unstructured.RemoveNestedField(ef.Object, "metadata", "annotations", v1alpha1.AnnotationSpecHash)
	out, err := yaml.Marshal(ef.Object)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rendered(t testing.TB, aw *v1alpha1.AutoWasm, m render.Module, o render.Options) *unstructured.Unstructured {
	t.Helper()
	ef, err := render.EnvoyFilter(aw, m, o)
	if err != nil {
		t.Fatal(err)
	}
	return ef
}

// typed is what istiod reads.
func typed(t testing.TB, u *unstructured.Unstructured) *istiov1alpha3.EnvoyFilter {
	t.Helper()
	raw, err := u.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	ef := &istiov1alpha3.EnvoyFilter{}
	if err := json.Unmarshal(raw, ef); err != nil {
		t.Fatal(err)
	}
	return ef
}

// pluginConfigOf is what Envoy reads of the plugin.
func pluginConfigOf(t testing.TB, u *unstructured.Unstructured) map[string]any {
	t.Helper()
	value := typed(t, u).Spec.ConfigPatches[0].Patch.Value.AsMap()
	return value["typedConfig"].(map[string]any)["config"].(map[string]any)
}
