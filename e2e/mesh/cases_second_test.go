// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"fmt"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

// secondPort is one more port than a workload has on its way out, and the gateway.
const secondPort = 8090

// TestSecondOutboundPort leaves a workload's other port of the way out alone, on each Envoy.
func TestSecondOutboundPort(t *testing.T) {
	t.Parallel()
	const second = "second"
	eachEnvoy(t, "ways", func(t *testing.T, w *Workload, v envoy.Version) {
		openOutbound(t, w, secondPort)
		sidecar(t, w, ProxyOptions{Envoy: v})
		image := pushSmall(t, w.Name)
		none := answers{outbound: "200", second: "200", inbound: "200"}
		c := &cases{now: none, doors: map[string]door{
			outbound: {url: w.OutboundURL(), host: serviceHost(callee(t, w.Name+"-first", servicePort, w))},
			second:   {url: w.URL(secondPort), host: serviceHost(callee(t, w.Name+"-second", secondPort, w))},
			inbound:  {url: w.URL(InboundPort)},
		}}
		c.wait(t, none)
		onPorts := func(ports string) autoWasm { return onWorkload(w, w.Name, image, "context: Outbound, "+ports) }
		c.step(t, "one port", none.but(answers{outbound: "200 world"}), func() { onPorts("applyPorts: [8081]").apply(t) })
		c.step(t, "the second", none.but(answers{second: "200 world"}), func() { onPorts("applyPorts: [8090]").apply(t) })
		c.step(t, "all", none.but(answers{outbound: "200 world", second: "200 world"}), func() { onPorts("").apply(t) })
		c.step(t, "none", none, func() { onPorts("").delete(t) })
	})
}

// TestSecondGatewayPort leaves the gateway's other port alone.
func TestSecondGatewayPort(t *testing.T) {
	const second = "second"
	patch(t, gatewayNamespace, "gateways.networking.istio.io", "ingress", fmt.Sprintf(
		`[{"op": "add", "path": "/spec/servers/-", "value": {"port": {"number": %d, "name": "second", "protocol": "HTTP"}, "bind": %q, "hosts": ["*"]}}]`,
		secondPort, mesh.Gateway.Address))
	t.Cleanup(func() {
		patch(t, gatewayNamespace, "gateways.networking.istio.io", "ingress", `[{"op": "remove", "path": "/spec/servers/1"}]`)
	})
	none := answers{gateway: "200", second: "200"}
	c := &cases{now: none, doors: map[string]door{
		gateway: {url: mesh.GatewayURL}, second: {url: "http://" + at(mesh.Gateway.Address, secondPort)},
	}}
	c.wait(t, none)
	image := pushSmall(t, "second-gateway")
	onPorts := func(ports string) autoWasm {
		return autoWasm{
			name: "second-gateway", namespace: gatewayNamespace, image: image, selector: "{matchLabels: {istio: ingressgateway}}",
			filter: "context: Gateway, " + ports,
		}
	}
	c.step(t, "one port", none.but(answers{gateway: "200 world"}), func() { onPorts("applyPorts: [8080]").apply(t) })
	c.step(t, "the second", none.but(answers{second: "200 world"}), func() { onPorts("applyPorts: [8090]").apply(t) })
	c.step(t, "all", none.but(answers{gateway: "200 world", second: "200 world"}), func() { onPorts("").apply(t) })
	c.step(t, "none", none, func() { onPorts("").delete(t) })
}

// openOutbound lets requests out of a workload at one more port.
func openOutbound(t *testing.T, w *Workload, port int) {
	t.Helper()
	patch(t, namespace, "sidecars.networking.istio.io", w.Name, fmt.Sprintf(`[{"op": "add", "path": "/spec/egress/-", "value":
		{"port": {"number": %d, "name": "http-second", "protocol": "HTTP"}, "bind": %q, "captureMode": "NONE", "hosts": ["istio-system/*"]}}]`,
		port, w.Address))
}

// callee gives a workload's application a name in the mesh, at a port, and returns the name.
func callee(t *testing.T, name string, port int, w *Workload) string {
	t.Helper()
	_, target, err := splitAddress(w.App.Address)
	if err != nil {
		t.Fatal(err)
	}
	err = apply(t.Context(), mesh.env, "service.yaml", object{
		"Name": name, "Host": serviceHost(name), "Port": port, "TargetPort": target,
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// patch changes an object by a JSON patch.
func patch(t *testing.T, namespace, kind, name, change string) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, "patch", kind, name, "-n", namespace, "--type=json", "-p", change); err != nil {
		t.Fatal(err)
	}
}
