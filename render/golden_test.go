package render_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestGolden renders each testdata/*.in.yaml and compares with its *.out.yaml.
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
	ef, err := render.EnvoyFilter(aw, testModule, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	out, err := render.YAML(ef)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
