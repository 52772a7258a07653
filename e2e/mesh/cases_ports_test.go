// SPDX-License-Identifier: Apache-2.0

package mesh

import "testing"

// TestPorts moves a filter between ports under load. The gateway leads to the first port, and shows its header.
func TestPorts(t *testing.T) {
	c, image := detailsCases(t), pushExample(t, "ports")
	one := onDetails("ports", image, "applyPorts: [9080]")
	several := onDetails("ports", image, "applyPorts: [9080, 9081]")
	second := onDetails("ports", image, "applyPorts: [9081]")
	all := onDetails("ports", image, "")
	onOne := plain.but(answers{inbound: "200 world", gateway: "200 world"})
	onBoth := onOne.but(answers{other: "200 world"})
	c.step(t, "one port", onOne, func() { one.apply(t) })
	c.step(t, "several ports", onBoth, func() { several.apply(t) })
	c.step(t, "the other port", plain.but(answers{other: "200 world"}), func() { second.apply(t) })
	c.step(t, "all ports", onBoth, func() { all.apply(t) })
	c.step(t, "none", plain, func() { all.delete(t) })
}

// TestContexts puts a filter on the way out of a workload, and on the gateway, and leaves the others alone.
func TestContexts(t *testing.T) {
	c, image := detailsCases(t), pushSmall(t, "contexts")
	out := onDetails("out", image, "context: Outbound, applyPorts: [8081]")
	everywhere := onDetails("out", image, "context: Outbound")
	elsewhere := onDetails("out", image, "context: Outbound, applyPorts: [9080]") // a port of the way in
	onOutbound := plain.but(answers{outbound: "200 world"})
	c.step(t, "outbound", onOutbound, func() { out.apply(t) })
	c.step(t, "outbound, another port", plain, func() { elsewhere.apply(t) })
	c.step(t, "outbound, all ports", onOutbound, func() { everywhere.apply(t) })

	in := autoWasm{
		name: "in", namespace: gatewayNamespace, image: image, selector: "{matchLabels: {istio: ingressgateway}}",
		filter: "context: Gateway, applyPorts: [8080], config: gate",
	}
	c.step(t, "gateway too", onOutbound.but(answers{gateway: "200 gate"}), func() { in.apply(t) })
	c.step(t, "gateway alone", plain.but(answers{gateway: "200 gate"}), func() { out.delete(t) })
	c.step(t, "none", plain, func() { in.delete(t) })
}
