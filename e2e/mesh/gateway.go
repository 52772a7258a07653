package mesh

import (
	"context"

	"github.com/autowasm/autowasm/e2e/ads"
)

// gatewayName is that of the ingress gateway's proxy.
const gatewayName = "istio-ingressgateway"

// A Gateway is the ingress gateway: it leads all requests to a workload.
type Gateway struct {
	*Proxy         // nil in a mesh without proxies
	Address string // on which it listens at GatewayPort
}

// Labels are those by which an AutoWasm selects it.
func (g *Gateway) Labels() map[string]string { return map[string]string{"istio": "ingressgateway"} }

// Node is how its proxy names itself.
func (g *Gateway) Node() ads.Node {
	return ads.Gateway(gatewayName+"-1", gatewayNamespace, g.Address, g.Labels())
}

// Listener is the name of the listener that istiod makes for its port.
func (g *Gateway) Listener() string { return listenerName(g.Address, GatewayPort) }

// announceGateway makes the objects of the gateway.
func (m *Mesh) announceGateway(ctx context.Context, to *Workload) error {
	address, err := m.address(GatewayPort)
	if err != nil {
		return err
	}
	m.Gateway = &Gateway{Address: address}
	err = apply(ctx, m.env, "gateway.yaml", object{
		"Namespace": gatewayNamespace, "Port": GatewayPort, "Address": address,
		"Destination": to.Host(), "DestinationPort": InboundPort,
	})
	if err != nil {
		return err
	}
	return m.waitForListener(ctx, m.Gateway.Node(), m.Gateway.Listener())
}

// startGateway starts the gateway's proxy.
func (m *Mesh) startGateway(ctx context.Context) (err error) {
	m.Gateway.Proxy, err = m.startProxy(ctx, "envoy-gateway", m.Gateway.Node(), ProxyOptions{})
	return err
}
