// SPDX-License-Identifier: Apache-2.0

package mesh

import "github.com/autowasm/autowasm/e2e/env"

// Variables are what a shell needs to use the mesh, beside those of the environment: ISTIOD is host:port of plaintext
// discovery, the others are URLs, which are "" in a mesh without proxies.
func (m *Mesh) Variables() []env.Variable {
	urls := []env.Variable{
		{Name: "ENVOY_INBOUND_URL", Value: m.EnvoyInboundURL},
		{Name: "ENVOY_ADMIN_URL", Value: m.EnvoyAdminURL},
		{Name: "GATEWAY_URL", Value: m.GatewayURL},
		{Name: "GATEWAY_ADMIN_URL", Value: m.GatewayAdminURL},
	}
	if m.options.WithoutProxies { // nobody listens
		for i := range urls {
			urls[i].Value = ""
		}
	}
	return append([]env.Variable{{Name: "ISTIOD", Value: m.Istiod.Address}}, urls...)
}
