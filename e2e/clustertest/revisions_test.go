//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// TestRevision: the tutorial in a namespace of another revision of istiod, which leaves the interception to Istio's CNI
// plugin, so that restricted pod security can be enforced there: no container of a Pod may set up anything. wasmer reads of
// that istiod too what its proxies are.
func TestRevision(t *testing.T) {
	installChart(t, "istio-cni", "istio-cni", "kube-system")
	installChart(t, "istiod-canary", "istio-control/istio-discovery", rootNamespace, "--set=revision=canary,pilot.cni.enabled=true")
	kubectl(t, "rollout", "status", "-n", "kube-system", "daemonset/istio-cni-node", suite.TimeoutFlag)
	kubectl(t, "rollout", "status", "-n", rootNamespace, "deployment/istiod-canary", suite.TimeoutFlag)
	ns := newNamespace(t, "canary")
	kubectl(t, "label", "namespace", ns, "istio-injection-", "istio.io/rev=canary", enforceRestricted)

	followTutorial(t, ns, istioVersion("1.28.3"))
	requireProxies(t, ns, "test", 2)
	requireContainers(t, ns, "istio-validation istio-proxy / app")
	revisions := kubectl(t, "get", "pods", "-n", ns, "-l", "app=details", `-o=jsonpath={.items[*].metadata.annotations.istio\.io/rev}`)
	if revisions != "canary canary" {
		t.Errorf("the Pods' sidecars are of the revisions %q", revisions)
	}
	restart(t, ns, "details")
	requireFilterInNewPods(t, ns)
	requireWarning(t, ns, "a first Wasm filter can crash Istio 1.28; exclude it by proxyVersion '^1\\.3[12]\\.': Pods details-")
}

// requireWarning waits until a user who makes the tutorial's AutoWasm in a namespace is warned.
func requireWarning(t testing.TB, namespace, warning string) {
	t.Helper()
	manifest := tutorial.Manifest{Name: "warned", Image: push(t, namespace+"/wasm-add-header")}.String()
	suite.Eventually(t, func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, "kubectl", "apply", "--dry-run=server", "-n", namespace, "-f", "-")
		cmd.Stdin = strings.NewReader(manifest)
		out, err := cmd.CombinedOutput()
		if err == nil && !strings.Contains(string(out), "Warning: "+warning) {
			err = errors.New("it has no such warning")
		}
		if err != nil {
			return fmt.Errorf("%w, kubectl printed: %s", err, out)
		}
		return nil
	})
}

// installChart installs one of Istio's charts, for the time of the test.
func installChart(t testing.TB, release, chart, namespace string, args ...string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		if _, err := helm.Run(ctx, "uninstall", release, "--namespace="+namespace, "--wait", "--ignore-not-found"); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(variable(t, "ISTIO_CHARTS"), chart)
	args = append([]string{"install", release, dir, "--namespace=" + namespace, "--values=" + variable(t, "ISTIO_VALUES")}, args...)
	if _, err := helm.Run(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}

// enforceRestricted is a label of namespaces whose Pods may do least.
const enforceRestricted = "pod-security.kubernetes.io/enforce=restricted"

// TestRestrictedPodSecurity enforces it on wasmer's namespace: its Pods are none of those that break its rules, and new ones
// come up.
func TestRestrictedPodSecurity(t *testing.T) {
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		if _, err := runKubectl(ctx, "", "label", "namespace", wasmerNamespace, "pod-security.kubernetes.io/enforce-"); err != nil {
			t.Error(err)
		}
	})
	label := exec.CommandContext(t.Context(), "kubectl", "label", "namespace", wasmerNamespace, enforceRestricted)
	out, err := label.CombinedOutput() // with a warning for each Pod that breaks the rules
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "wasmer") {
		t.Fatalf("wasmer breaks the rules: %s", out)
	}
	restart(t, wasmerNamespace, "wasmer")
}
