package behaviour

import (
	"path/filepath"
	"testing"
)

// TestManifestsAreAccepted: the whole kustomization, by a real API server, with
// strict validation.
func TestManifestsAreAccepted(t *testing.T) {
	t.Parallel()
	_, err := cluster.Kubectl(t.Context(), "apply", "--server-side", "--dry-run=server", "--validate=strict",
		"--force-conflicts", "--field-manager=manifests-test", "-k", filepath.Join(cluster.Checkout, "manifests"))
	if err != nil {
		t.Fatal(err)
	}
}
