// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestManifestsAreAccepted: the whole kustomization, by a real API server, with
// strict validation. Under other names: the environment has changed how its own
// webhooks are called.
func TestManifestsAreAccepted(t *testing.T) {
	t.Parallel()
	built := kustomize(t, filepath.Join(cluster.Checkout, "manifests"))
	requireAccepted(t, built, "deployment.apps/", "mutatingwebhookconfiguration", "validatingwebhookconfiguration", "customresourcedefinition", "clusterrole.", "service/")
	if strings.Contains(built, "caBundle") {
		t.Error("the manifests hold a caBundle, which is wasmer's to write")
	}
}

// TestOptionsAreAccepted: each component of manifests/options, with the whole.
func TestOptionsAreAccepted(t *testing.T) {
	t.Parallel()
	for component, want := range map[string]string{
		"webhook-client-ca": "- --webhook-client-ca=/var/run/webhook-client-ca/ca.crt",
		"listed-secrets":    "kind: ClusterRole\n",
		"cert-manager":      "- --cert-mode=files\n",
	} {
		built := kustomize(t, withComponent(t, component))
		requireAccepted(t, withoutCertManager(built), "deployment.apps/")
		if !strings.Contains(built, want) {
			t.Errorf("with %s the manifests lack %q", component, want)
		}
	}
}

// withoutCertManager leaves out the objects of kinds that this API server does not have.
func withoutCertManager(manifests string) string {
	documents := slices.DeleteFunc(strings.Split(manifests, "\n---\n"), func(document string) bool {
		return strings.HasPrefix(document, "apiVersion: cert-manager.io/")
	})
	return strings.Join(documents, "\n---\n")
}

// withComponent writes a user's kustomization, of manifests/ with an option of it, and returns its directory.
func withComponent(t *testing.T, component string) string {
	t.Helper()
	dir := t.TempDir()
	manifests, err := filepath.Rel(dir, filepath.Join(cluster.Checkout, "manifests"))
	if err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf("resources: [%s]\ncomponents: [%s]\n", manifests, filepath.Join(manifests, "options", component))
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func kustomize(t *testing.T, dir string) string {
	t.Helper()
	built, err := cluster.Kubectl(t.Context(), "kustomize", dir)
	if err != nil {
		t.Fatal(err)
	}
	return built.Stdout
}

// requireAccepted dry-runs manifests and requires that objects of each kind are in what the API server accepts.
func requireAccepted(t *testing.T, manifests string, kinds ...string) {
	t.Helper()
	renamed := strings.ReplaceAll(manifests, "\n  name: wasmer\n", "\n  name: wasmer-manifests-test\n")
	out, err := cluster.KubectlInput(t.Context(), renamed, "apply", "--server-side", "--dry-run=server", "--validate=strict",
		"--force-conflicts", "--field-manager=manifests-test", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		if !strings.Contains(out.Stdout, kind) {
			t.Errorf("the manifests hold no %s:\n%s", kind, out.Stdout)
		}
	}
}

// TestServerSideApplyAfterClientSideApply: nothing in the manifests differs from what the API server stored of them, so
// that one way to apply them does not conflict with the other. Those of the namespace are applied, in another one.
func TestServerSideApplyAfterClientSideApply(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	var manifests []string
	for document := range strings.SplitSeq(kustomize(t, filepath.Join(cluster.Checkout, "manifests")), "\n---\n") {
		if strings.Contains(document, "\n  namespace: istio-system\n") {
			manifests = append(manifests, strings.ReplaceAll(document, "namespace: istio-system\n", "namespace: "+ns+"\n"))
		}
	}
	if len(manifests) < 6 {
		t.Fatalf("only %d of the manifests are in a namespace", len(manifests))
	}
	all := strings.Join(manifests, "\n---\n")
	for _, way := range []string{"--server-side=false", "--server-side", "--server-side=false", "--server-side"} {
		if _, err := cluster.TryApply(t, ns, all, way); err != nil {
			t.Errorf("kubectl apply %s: %v", way, err)
		}
	}
}
