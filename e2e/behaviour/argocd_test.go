// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/doctest"
)

// application is an Application of Argo CD for a namespace.
type application struct {
	namespace string
	args      []string
}

// newApplication is one whose Argo CD has the ConfigMap of docs/gitops.md, and that has the options of the Application there.
func newApplication(t *testing.T) application {
	t.Helper()
	dir := t.TempDir()
	suite.WriteFile(t, dir, "argocd-cm.yaml", []byte(documentedManifest(t, "kind: ConfigMap\nmetadata:\n  name: argocd-cm\n")))
	shop := documentedManifest(t, "kind: Application\n")
	if !strings.Contains(shop, "ServerSideApply=true") || !strings.Contains(shop, "ServerSideDiff=true") || !strings.Contains(shop, "prune: true") {
		t.Fatalf("the Application of docs/gitops.md has other options than this test:\n%s", shop)
	}
	return application{
		namespace: cluster.Namespace(t), args: []string{"-config=" + filepath.Join(dir, "argocd-cm.yaml"), "-prune", "-server-side"},
	}
}

// documentedManifest returns the block of docs/gitops.md that has some lines.
func documentedManifest(t *testing.T, lines string) string {
	t.Helper()
	blocks, err := doctest.Blocks(cluster.Checkout)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Page == "docs/gitops.md" && b.Language == "yaml" && strings.Contains(b.Text, lines) {
			return b.Text
		}
	}
	t.Fatalf("docs/gitops.md has no manifest with %q", lines)
	return ""
}

// run has Argo CD compare the manifests with the cluster, or do more, and returns what it says.
func (a application) run(t *testing.T, manifests string, args ...string) string {
	t.Helper()
	program, err := cluster.Builder().Part(t.Context(), build.ArgoCD)
	if err != nil {
		t.Fatal(err)
	}
	all := append([]string{"-kubeconfig=" + cluster.Kubeconfig, "-namespace=" + a.namespace}, a.args...)
	cmd := exec.CommandContext(t.Context(), program, append(all, args...)...)
	cmd.Stdin = strings.NewReader(manifests)
	out, err := process.Output(cmd)
	if err != nil {
		out += err.Error()
	}
	t.Logf("argocd %v\n%s", args, out)
	return out
}

// says requires words of what Argo CD says, sooner or later.
func (a application) says(t *testing.T, manifests string, words ...string) {
	t.Helper()
	suite.Eventually(t, func(context.Context) error {
		out := a.run(t, manifests)
		for _, w := range words {
			if !strings.Contains(out, w) {
				return fmt.Errorf("Argo CD does not say %q:\n%s", w, out)
			}
		}
		return nil
	})
}

// TestArgoCD is what an Application's owner sees: the rows of the table in docs/gitops.md.
func TestArgoCD(t *testing.T) {
	t.Parallel()
	good, _ := pushed(t, "argocd:v1")
	t.Run("sync, drift, prune", func(t *testing.T) {
		t.Parallel()
		a := newApplication(t)
		m := suite.Manifest{Name: "good", Source: suite.Image(good)}.String()
		requireWords(t, a.run(t, m, "-sync"), "AutoWasm good Synced", "Succeeded: successfully synced")
		a.says(t, m, "AutoWasm good Synced Healthy EnvoyFilter good carries module sha256:")
		kubectl(t, "patch", "autowasm", "good", "-n", a.namespace, "--type=merge", `-p={"spec":{"selector":{"matchLabels":{"app":"other"}}}}`)
		a.says(t, m, "AutoWasm good OutOfSync Healthy")
		requireWords(t, a.run(t, m, "-sync"), "Succeeded: successfully synced")
		a.says(t, m, "AutoWasm good Synced Healthy")
		requireWords(t, a.run(t, "", "-sync"), "AutoWasm good Pruned pruned", "Succeeded: successfully synced")
		cluster.WaitGone(t, a.namespace, "good")
	})
	t.Run("a mistake", func(t *testing.T) {
		t.Parallel()
		a := newApplication(t)
		m, n := suite.Manifest{Name: "first", Source: suite.Image(good)}.String(), suite.Manifest{Name: "second", Source: suite.Image(good)}.String()
		a.run(t, m, "-sync")
		bad := suite.Manifest{Name: "first", Source: suite.Image(cluster.Registry + "/argocd:missing")}.String()
		requireWords(t, a.run(t, bad+"\n---\n"+n), "compare AutoWasm first", "server side diff", "argocd:missing")
		requireWords(t, a.run(t, bad+"\n---\n"+n, "-sync"), "AutoWasm first SyncFailed", "argocd:missing", "AutoWasm second Synced", "Failed: one or more objects failed to apply")
		a.says(t, m+"\n---\n"+n, "AutoWasm first Synced Healthy", "AutoWasm second Synced Healthy")
	})
	t.Run("a source that does not answer, and a wave behind it", func(t *testing.T) {
		t.Parallel()
		a := newApplication(t)
		m := suite.Manifest{Name: "waiting", Source: "{registry: {image: \"registry.invalid/x:v1\"}}"}.String()
		later := "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: later, annotations: {argocd.argoproj.io/sync-wave: \"1\"}}\n"
		requireWords(t, a.run(t, m+later, "-sync", "-timeout=3s"), "Running: waiting for healthy state of wasm.tcm.io/AutoWasm/waiting")
		a.says(t, m, "AutoWasm waiting Synced Progressing look up registry.invalid/x:v1")
	})
	t.Run("what only a user can repair", func(t *testing.T) {
		t.Parallel()
		a := newApplication(t)
		slow := holdSource(t, wasmtest.NoABI())
		m := suite.Manifest{Name: "stalled", Source: suite.Object(slow.url, "")}.String()
		a.run(t, m, "-sync")
		slow.release()
		cluster.WaitPhase(t, a.namespace, "stalled", v1alpha1.PhaseFailed)
		a.says(t, m, "AutoWasm stalled Synced Degraded", "proxy_abi_version")
	})
}

func requireWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("there is no %q in\n%s", w, text)
		}
	}
}
