package behaviour

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/e2e/suite"
)

// TestRenderShowsWhatTheServerMakes: wasmc render prints, before anything is
// applied, the EnvoyFilter that is in force afterwards.
func TestRenderShowsWhatTheServerMakes(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "rendered:v1")
	m := suite.Manifest{Name: "shown", Source: suite.Image(ref), Filter: "applyPorts: [9081, 9080], config: {b: 1, a: x}, env: [{name: A, value: b}], priority: 7"}
	path := filepath.Join(t.TempDir(), "aw.yaml")
	if err := os.WriteFile(path, []byte(m.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := filter(t, wasmc(t, "render", "-f", path, "-n", ns, "--base-url", cluster.Wasmer().URL))
	synced(t, ns, m)
	out, err := cluster.Kubectl(t.Context(), "get", "envoyfilter", "shown", "-n", ns, "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shown, filter(t, out.Stdout)); diff != "" {
		t.Errorf("what is shown (-) and what is made (+):\n%s", diff)
	}
}

// filter is what a user means by an EnvoyFilter.
func filter(t *testing.T, document string) map[string]any {
	t.Helper()
	var object struct {
		Metadata struct {
			Name        string
			Namespace   string
			Labels      map[string]string
			Annotations map[string]string
		}
		Spec map[string]any
	}
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	return map[string]any{"metadata": object.Metadata, "spec": object.Spec}
}
