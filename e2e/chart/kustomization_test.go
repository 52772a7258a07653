// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/build"
)

// The options of the kustomization as the chart has them.
var (
	listedSecrets = []string{`secrets={"access":"Listed"}`}
	clientCA      = []string{`webhookClientCA={"configMap":"wasmer-webhook-client-ca"}`}
	certManager   = []string{`certs={"mode":"cert-manager"}`}
)

// TestTheKustomizationIsTheChart compares the objects of both, field by field, without options, with each and with all.
func TestTheKustomizationIsTheChart(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ components, values []string }{
		"defaults":          {nil, nil},
		"listed-secrets":    {[]string{"listed-secrets"}, listedSecrets},
		"webhook-client-ca": {[]string{"webhook-client-ca"}, clientCA},
		"cert-manager":      {[]string{"cert-manager"}, certManager},
		"all": {
			[]string{"listed-secrets", "cert-manager", "webhook-client-ca"},
			append(append(append([]string{}, listedSecrets...), certManager...), clientCA...),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := decoded(t, kustomize(t, test.components...))
			got := rendered(t, test.values...)
			crd := got["CustomResourceDefinition <nil>/autowasms.wasm.tcm.io"]
			annotations, _ := field(crd, "metadata", "annotations").(map[string]any)
			if annotations["helm.sh/resource-policy"] != "keep" {
				t.Error("helm uninstall would delete the CRD, and with it all AutoWasms")
			}
			delete(annotations, "helm.sh/resource-policy")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-kustomization +chart):\n%s", diff)
			}
		})
	}
}

// TestListedNamespaces: the chart grants each what options/listed-secrets/namespace.yaml does.
func TestListedNamespaces(t *testing.T) {
	t.Parallel()
	want := rendered(t, listedSecrets...)
	raw, err := os.ReadFile(filepath.Join(checkout, "manifests", "options", "listed-secrets", "namespace.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"team-a", "team-b"} {
		for _, object := range decoded(t, string(raw)) {
			object["metadata"].(map[string]any)["namespace"] = namespace
			want[keyOf(object)] = object
		}
	}
	got := rendered(t, `secrets={"access":"Listed","namespaces":["team-a","team-b"]}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-kubectl apply -n +chart):\n%s", diff)
	}
}

// kustomize builds manifests/ with components of manifests/options.
func kustomize(t *testing.T, components ...string) string {
	t.Helper()
	dir := t.TempDir()
	manifests, err := filepath.Rel(dir, filepath.Join(checkout, "manifests"))
	if err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf("resources: [%s]\ncomponents: [", manifests)
	for _, component := range components {
		content += filepath.Join(manifests, "options", component) + ", "
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(strings.TrimSuffix(content, ", ")+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), kubectl(t), "kustomize", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func kubectl(t *testing.T) string {
	t.Helper()
	builder, err := build.NewBuilder(checkout, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := builder.Part(context.WithoutCancel(t.Context()), build.ControlPlane)
	if err != nil {
		t.Fatal(err)
	}
	link, err := builder.Link("kubectl", binary)
	if err != nil {
		t.Fatal(err)
	}
	return link
}
