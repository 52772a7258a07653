// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/env"
)

// gatewayName is that of the ingress gateway's proxy.
const gatewayName = "istio-ingressgateway"

// A Gateway is the ingress gateway: it leads all requests to a workload.
type Gateway struct {
	*Proxy         // nil in a mesh without proxies
	Address string // on which it listens at GatewayPort
	Pod     *Pod
}

// Labels are those by which an AutoWasm selects it.
func (g *Gateway) Labels() map[string]string { return map[string]string{"istio": "ingressgateway"} }

// Node is how its proxy names itself.
func (g *Gateway) Node() ads.Node {
	return ads.Gateway(g.Pod.Name, g.Pod.Namespace, g.Address, g.Labels())
}

// Listener is the name of the listener that istiod makes for its port.
func (g *Gateway) Listener() string { return listenerName(g.Address, GatewayPort) }

// announceGateway makes the objects of the gateway.
func (m *Mesh) announceGateway(ctx context.Context, to *Workload) error {
	address, err := m.address(GatewayPort, statsPort)
	if err != nil {
		return err
	}
	m.Gateway = &Gateway{Address: address}
	pod := types.NamespacedName{Namespace: gatewayNamespace, Name: gatewayName + "-1"}
	m.Gateway.Pod, err = m.createPod(ctx, pod, address, "gateway.yaml", object{
		"Port": GatewayPort, "Destination": to.Host(), "DestinationPort": InboundPort,
	})
	if err != nil {
		return err
	}
	return m.waitForListener(ctx, m.Gateway.Node(), m.Gateway.Listener())
}

// startGateway starts the gateway's proxy, and waits until it has heard that details is ready.
func (m *Mesh) startGateway(ctx context.Context) (err error) {
	m.Gateway.Proxy, err = m.startProxy(ctx, "envoy-gateway", m.Gateway.Node(), m.Gateway.Pod, ProxyOptions{})
	if err != nil {
		return err
	}
	if err := env.Poll(ctx, func(ctx context.Context) error { return env.Probe(ctx, m.GatewayURL) }); err != nil {
		return fmt.Errorf("wait until the gateway leads to the details workload: %w", err)
	}
	return nil
}
