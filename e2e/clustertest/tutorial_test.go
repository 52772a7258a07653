//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// TestTutorial follows the tutorial: an application with injected sidecars whose traffic iptables redirects to them, a
// module pushed with wasmc, one apply. Both replicas, one on each node, then answer with the header.
func TestTutorial(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "tutorial")
	followTutorial(t, ns)
	requireTrials(t, ns)
}

// requireTrials: wasmer's Pods try modules, as restricted as they are, and a change that the module refuses is denied.
func requireTrials(t *testing.T, ns string) {
	t.Helper()
	kubectl(t, "wait", "autowasm/test", "-n", ns, "--for=condition=ModuleTried", suite.TimeoutFlag)
	suite.Eventually(t, func(ctx context.Context) error { // on a busy machine a trial takes longer than an admission
		out, err := runKubectl(ctx, "", "patch", "autowasm/test", "-n", ns, "--dry-run=server", "--type=merge",
			`-p={"spec":{"filter":{"config":"a\tb"}}}`)
		if err == nil || !strings.Contains(err.Error(), "the configuration is no value of a header") {
			return fmt.Errorf("a configuration that the module refuses is answered %q, %v", out, err)
		}
		return nil
	})
}

const strict = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec: {egress: [{hosts: ["./*", "istio-system/*"]}]}
`

// TestTutorialWithStrictMTLS is the same where proxies refuse plain text and know of few Services.
func TestTutorialWithStrictMTLS(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "strict")
	apply(t, ns, strict)
	followTutorial(t, ns)
}

// followTutorial follows it in a namespace, where the Pods of the application have the annotations.
func followTutorial(t *testing.T, ns string, annotations ...string) {
	t.Helper()
	startApp(t, ns, annotations...)
	const url = "http://details:9080/"
	before, err := ask(t, ns, url)
	if err != nil {
		t.Fatal(err)
	}
	if got := before.header.Values("hello"); len(got) > 0 {
		t.Fatalf("the header is there before the filter: %v", got)
	}

	image := push(t, ns+"/wasm-add-header")
	apply(t, ns, tutorial.Manifest{Image: image}.String())
	kubectl(t, "wait", "autowasm/test", "-n", ns, "--for=condition=Ready", suite.TimeoutFlag)

	answered := map[string]bool{}
	suite.Eventually(t, func(context.Context) error {
		a, err := ask(t, ns, url)
		if err != nil {
			return err
		}
		if err := a.filtered(); err != nil {
			return err
		}
		answered[a.pod] = true
		if len(answered) < 2 {
			return fmt.Errorf("only %v answered", answered)
		}
		return nil
	})
}

const route = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ingress}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [ingress.example]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ingress}
spec:
  hosts: [ingress.example]
  gateways: [ingress]
  http: [{route: [{destination: {host: details, port: {number: 9080}}}]}]
`

// TestThroughTheIngressGateway asks the application as users outside of the mesh do.
func TestThroughTheIngressGateway(t *testing.T) {
	t.Parallel()
	gateway := variable(t, "GATEWAY_URL")
	ns := newNamespace(t, "ingress")
	startApp(t, ns)
	apply(t, ns, route)
	apply(t, ns, tutorial.Manifest{Image: push(t, "ingress/wasm-add-header")}.String())
	kubectl(t, "wait", "autowasm/test", "-n", ns, "--for=condition=Ready", suite.TimeoutFlag)
	suite.Eventually(t, func(ctx context.Context) error {
		a, err := askGateway(ctx, gateway, "ingress.example")
		if err != nil {
			return err
		}
		return a.filtered()
	})
}
