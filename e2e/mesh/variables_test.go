// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/env"
)

func TestVariables(t *testing.T) {
	m := Mesh{
		Istiod: &Istiod{Address: "i"}, EnvoyInboundURL: "e", EnvoyAdminURL: "ea", GatewayURL: "g", GatewayAdminURL: "ga",
	}
	want := []env.Variable{
		{Name: "ISTIOD", Value: "i"}, {Name: "ENVOY_INBOUND_URL", Value: "e"}, {Name: "ENVOY_ADMIN_URL", Value: "ea"},
		{Name: "GATEWAY_URL", Value: "g"}, {Name: "GATEWAY_ADMIN_URL", Value: "ga"},
	}
	if diff := cmp.Diff(want, m.Variables()); diff != "" {
		t.Error(diff)
	}
	m.options.WithoutProxies = true
	for i := range want[1:] {
		want[i+1].Value = ""
	}
	if diff := cmp.Diff(want, m.Variables()); diff != "" {
		t.Errorf("without proxies: %s", diff)
	}
}
