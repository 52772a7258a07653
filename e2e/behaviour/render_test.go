// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/e2e/suite"
)

// TestRenderShowsWhatTheServerMakes: wasmc render prints, before anything is
// applied, the EnvoyFilter that is in force afterwards, but for the end of the
// plugin's name, into which goes the uid that the object gets.
func TestRenderShowsWhatTheServerMakes(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "rendered:v1")
	m := suite.Manifest{Name: "shown", Source: suite.Image(ref), Filter: "applyPorts: [9081, 9080], config: {b: 1, a: x}, env: [{name: A, value: b}], priority: 7"}
	path := filepath.Join(t.TempDir(), "aw.yaml")
	if err := os.WriteFile(path, []byte(m.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := filter(t, plugins.ReplaceAllString(wasmc(t, "render", "-f", path, "-n", ns, "--base-url", cluster.Wasmer().URL), "${1}uid"))
	synced(t, ns, m)
	out, err := cluster.Kubectl(t.Context(), "get", "envoyfilter", "shown", "-n", ns, "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	made := filter(t, plugins.ReplaceAllString(out.Stdout, "${1}uid"))
	if diff := cmp.Diff(shown, made); diff != "" {
		t.Errorf("what is shown (-) and what is made (+):\n%s", diff)
	}
}

// plugins are the names of plugins, whose last 8 digits are no part of the group.
var plugins = regexp.MustCompile(`(autowasm\.[a-z0-9.-]+\.[0-9a-f]{8}\.)[0-9a-f]{8}`)

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
