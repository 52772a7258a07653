// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"github.com/autowasm/autowasm/internal/envoy"
)

// Options say what is in a mesh. The zero value is a mesh with a sidecar and a gateway.
type Options struct {
	// Envoy is the version of the proxies where neither $ENVOY nor the PATH has one. Default: envoy.Newest.
	Envoy envoy.Version
	// WithoutProxies starts istiod alone: what it pushes can be asked for (see package ads).
	WithoutProxies bool
}

func (o Options) envoy() envoy.Version {
	if o.Envoy == "" {
		return envoy.Newest
	}
	return o.Envoy
}

// The workloads.
const (
	namespace        = "default"
	gatewayNamespace = "istio-system"
	// InboundPort is the port of the details workload that the tutorial's AutoWasm names, and OtherPort one that it
	// does not name. Both lead to the same application.
	InboundPort = 9080
	OtherPort   = 9081
	// GatewayPort is the port of the ingress gateway.
	GatewayPort = 8080
)
