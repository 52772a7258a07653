//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
	"github.com/autowasm/autowasm/internal/doctest"
)

// denying is a policy that allows nothing of TYPES to any Pod.
const denying = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [TYPES]}
`

// istiodPolicy and meshPolicy are what a mesh needs of its own in namespaces that deny by default. A proxy that starts asks
// for the metadata of a cloud, and has to be told that there is none, or waits.
const (
	istiodPolicy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: istiod}
spec:
  podSelector: {matchLabels: {app: istiod}}
  policyTypes: [Ingress, Egress]
  ingress: [{}]
  egress: [{}]
`
	meshPolicy = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: mesh}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - {from: [{podSelector: {}}], ports: [{port: 9080}]}
  egress:
  - {to: [{podSelector: {}}], ports: [{port: 9080}]}
  - {ports: [{port: 53, protocol: UDP}, {port: 53}]}
  - {to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: istiod}}}], ports: [{port: 15012}]}
  - {to: [{ipBlock: {cidr: 169.254.169.254/32}}], ports: [{port: 80}]}
`
)

// TestNamespacesThatDenyByDefault follows the tutorial where policies deny wasmer and the application everything: without
// the policies that we ship nothing works, with them all does, and each lets through what it has to and nothing else.
func TestNamespacesThatDenyByDefault(t *testing.T) {
	ns := newNamespace(t, "denying")
	startApp(t, ns)
	probes := startProbes(t, ns)
	probes.expectAll(t, "stranger") // everything listens

	apply(t, ns, denyAll("Ingress, Egress")+"---"+meshPolicy)
	applyToWasmer(t, istiodPolicy+"---"+denyAll("Ingress"))
	manifest := tutorial.Manifest{Image: push(t, "denying/wasm-add-header")}.String()
	suite.Eventually(t, func(ctx context.Context) error { // nodes take a moment to know a policy
		_, err := runKubectl(ctx, manifest, "apply", "-n", ns, "--dry-run=server", "-f", "-")
		if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
			return fmt.Errorf("without a policy that lets the API server reach wasmer, apply ended with %w", err)
		}
		return nil
	})

	installPolicy(t)
	applyToWasmer(t, denyAll("Ingress, Egress"))
	suite.Eventually(t, func(ctx context.Context) error { // the API server may use a connection that the former policies ended
		_, err := runKubectl(ctx, manifest, "apply", "-n", ns, "-f", "-")
		return err
	})
	suite.Eventually(t, func(ctx context.Context) error { return unreachable(ctx, ns) })
	user := documentedShell(t, ns)
	user.Dir, user.Stands = inCheckout(t), []string{"NAMESPACE", ns}
	user.Run(t, doctest.Section("network-policy"))
	kubectl(t, "wait", "autowasm/test", "-n", ns, "--for=condition=Ready", suite.TimeoutFlag)
	suite.Eventually(t, func(context.Context) error { return askWithFilter(t, ns) })

	free := []string{"apiserver", "registry", "dns:53", "istiod:15010", "istiod:15012", "istiod:15014"}
	probes.expect(t, "stranger", append(free, "wasmer:8081")...)
	probes.expect(t, "scraper", append(free, "wasmer:8080", "wasmer:8081")...)
	probes.expect(t, "as-wasmer", "wasmer:8081", "details:15090", "istiod:15012", "dns:53", "apiserver", "registry")
	deleteWasmerProbe(t)

	old := kubectl(t, "get", "pods", "-n", ns, "-l", "app=details", "-o=jsonpath={.items[0].metadata.name}")
	kubectl(t, "delete", "pod/"+old, "-n", ns, "--wait=false")
	openPage(t, user, ns, "test") // the policies do not hold for a forwarded port
	kubectl(t, "rollout", "status", "-n", ns, "deployment/details", suite.TimeoutFlag)
	requireFilledFromReplicas(t)
	requireFilterInNewPods(t, ns)
}

func denyAll(types string) string { return strings.ReplaceAll(denying, "TYPES", types) }

// applyToWasmer applies policies in wasmer's namespace, and deletes them after the test.
func applyToWasmer(t testing.TB, manifest string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		if _, err := runKubectl(ctx, manifest, "delete", "-n", wasmerNamespace, "--ignore-not-found", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
	apply(t, wasmerNamespace, manifest)
}

// installPolicy has the release make its policy, for this cluster, until the end of the test.
func installPolicy(t testing.TB) {
	t.Helper()
	_, port, err := net.SplitHostPort(variable(t, "REGISTRY"))
	if err != nil {
		t.Fatal(err)
	}
	host, apiPort := apiServer(t)
	t.Cleanup(func() { restoreWasmer(t) })
	upgradeWasmer(t, "--set=networkPolicy.enabled=true,networkPolicy.egress.enabled=true",
		"--set=networkPolicy.apiServerCIDRs={"+host+"/32}", "--set=networkPolicy.egress.apiServerPorts={"+apiPort+"}",
		"--set=networkPolicy.egress.sourcePorts={"+port+"}",
		// The API server has the metrics for the test.
		`--set-json=networkPolicy.metricsFrom=[{"namespaceSelector":{},"podSelector":{"matchLabels":{"app":"scraper"}}},`+
			`{"ipBlock":{"cidr":"`+host+`/32"}}]`)
}

// apiServer is where the API server is, as the manifest of the policy says to find it.
func apiServer(t testing.TB) (host, port string) {
	t.Helper()
	out := kubectl(t, "get", "endpointslices", "-n", "default", "-l", "kubernetes.io/service-name=kubernetes",
		"-o=jsonpath={.items[0].endpoints[0].addresses[0]} {.items[0].ports[0].port}")
	host, port, _ = strings.Cut(out, " ")
	return host, port
}

// unreachable returns nil when the status of the AutoWasm says that wasmer cannot reach the proxies.
func unreachable(ctx context.Context, namespace string) error {
	message, err := runKubectl(ctx, "", "get", "autowasm/test", "-n", namespace,
		`-o=jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`)
	if err != nil {
		return err
	}
	if strings.HasPrefix(message, "True") || !strings.Contains(message, "15090") {
		return fmt.Errorf("the status is %s, want one that names port 15090", message)
	}
	return nil
}
