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

// gatewayAPI has istiod deploy a gateway, at a port of the nodes, that leads to details.
const gatewayAPI = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: front
  annotations: {networking.istio.io/service-type: NodePort}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: details}
spec:
  parentRefs: [{name: front}]
  rules: [{backendRefs: [{name: details, port: 9080}]}]
`

// onTheGateway is the tutorial's filter in the gateway's own proxy, with another header.
const onTheGateway = `
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: gateway}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: front}}
  filter:
    context: Gateway
    applyPorts: [80]
    source: {registry: {image: IMAGE}}
    config: "x-gateway: front"
`

// TestThroughAGatewayOfTheGatewayAPI asks the application through a gateway that istiod deployed, with a filter in the
// application's proxies and one in the gateway's.
func TestThroughAGatewayOfTheGatewayAPI(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "gateway-api")
	apply(t, ns, gatewayAPI)
	startApp(t, ns)
	kubectl(t, "wait", "deployment/front-istio", "-n", ns, "--for=create", suite.TimeoutFlag)
	kubectl(t, "rollout", "status", "deployment/front-istio", "-n", ns, suite.TimeoutFlag)

	image := pushExample(t, "gateway-api/wasm-add-header")
	apply(t, ns, tutorial.Manifest{Image: image}.String()+"---"+strings.ReplaceAll(onTheGateway, "IMAGE", image))
	requireProxies(t, ns, "test", 2)
	requireProxies(t, ns, "gateway", 1)
	url := nodePort(t, ns, "front-istio")
	suite.Eventually(t, func(ctx context.Context) error { return filteredTwice(ctx, url) })
}

// filteredTwice returns nil when an answer passed through both filters.
func filteredTwice(ctx context.Context, url string) error {
	a, err := askGateway(ctx, url, "any.example")
	if err != nil {
		return err
	}
	if got := a.header.Get("x-gateway"); got != "front" {
		return fmt.Errorf("%s answered %s with the headers %v, want x-gateway: front", a.pod, a.status, a.header)
	}
	return a.filtered()
}

// nodePort is the URL of the port of a node that leads to port 80 of a Service.
func nodePort(t testing.TB, namespace, service string) string {
	t.Helper()
	address := kubectl(t, "get", "nodes", `-o=jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	port := kubectl(t, "get", "service", service, "-n", namespace, "-o=jsonpath={.spec.ports[?(@.port==80)].nodePort}")
	return "http://" + address + ":" + port
}
