package behaviour

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestManifestsAreAccepted: the whole kustomization, by a real API server, with
// strict validation. Under other names: the environment has changed how its own
// webhooks are called.
func TestManifestsAreAccepted(t *testing.T) {
	t.Parallel()
	built, err := cluster.Kubectl(t.Context(), "kustomize", filepath.Join(cluster.Checkout, "manifests"))
	if err != nil {
		t.Fatal(err)
	}
	renamed := strings.ReplaceAll(built.Stdout, "\n  name: wasmer\n", "\n  name: wasmer-manifests-test\n")
	out, err := cluster.KubectlInput(t.Context(), renamed, "apply", "--server-side", "--dry-run=server", "--validate=strict",
		"--force-conflicts", "--field-manager=manifests-test", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"deployment.apps/", "mutatingwebhookconfiguration", "validatingwebhookconfiguration", "customresourcedefinition", "clusterrole.", "service/"} {
		if !strings.Contains(out.Stdout, kind) {
			t.Errorf("the manifests hold no %s:\n%s", kind, out.Stdout)
		}
	}
	if strings.Contains(built.Stdout, "caBundle") {
		t.Error("the manifests hold a caBundle, which is wasmer's to write")
	}
}
