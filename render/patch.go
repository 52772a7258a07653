// SPDX-License-Identifier: Apache-2.0

package render

import (
	"slices"

	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// The names of the filters that a patch stands by. Older ones match nothing since Istio 1.19, without an error.
const (
	connectionManager = "envoy.filters.network.http_connection_manager"
	routerFilter      = "envoy.filters.http.router"
)

// patchContexts are Istio's words for the sides of a proxy.
var patchContexts = map[v1alpha1.Context]networking.EnvoyFilter_PatchContext{
	"":                networking.EnvoyFilter_SIDECAR_INBOUND,
	v1alpha1.Inbound:  networking.EnvoyFilter_SIDECAR_INBOUND,
	v1alpha1.Outbound: networking.EnvoyFilter_SIDECAR_OUTBOUND,
	v1alpha1.Gateway:  networking.EnvoyFilter_GATEWAY,
}

// configPatches returns a patch for each port, in ascending order, as a match has room for one; else one for all ports.
func configPatches(f *v1alpha1.Filter, value *structpb.Struct) []*networking.EnvoyFilter_EnvoyConfigObjectPatch {
	ports := slices.Clone(f.ApplyPorts)
	slices.Sort(ports)
	ports = slices.Compact(ports)
	if len(ports) == 0 {
		ports = []v1alpha1.Port{0}
	}
	patches := make([]*networking.EnvoyFilter_EnvoyConfigObjectPatch, len(ports))
	for i, port := range ports {
		patches[i] = configPatch(f, uint32(port), value)
	}
	return patches
}

func configPatch(f *v1alpha1.Filter, port uint32, value *structpb.Struct) *networking.EnvoyFilter_EnvoyConfigObjectPatch {
	return &networking.EnvoyFilter_EnvoyConfigObjectPatch{
		ApplyTo: networking.EnvoyFilter_HTTP_FILTER,
		Match: &networking.EnvoyFilter_EnvoyConfigObjectMatch{
			Context:     patchContexts[f.Context],
			Proxy:       proxyMatch(f.ProxyVersion),
			ObjectTypes: listenerMatch(port),
		},
		Patch: &networking.EnvoyFilter_Patch{
			Operation: networking.EnvoyFilter_Patch_INSERT_BEFORE,
			Value:     value,
		},
	}
}

func proxyMatch(version string) *networking.EnvoyFilter_ProxyMatch {
	if version == "" {
		return nil
	}
	return &networking.EnvoyFilter_ProxyMatch{ProxyVersion: version}
}

// listenerMatch places the patch before the router; port 0 stands for all ports.
func listenerMatch(port uint32) *networking.EnvoyFilter_EnvoyConfigObjectMatch_Listener {
	return &networking.EnvoyFilter_EnvoyConfigObjectMatch_Listener{
		Listener: &networking.EnvoyFilter_ListenerMatch{
			PortNumber: port,
			FilterChain: &networking.EnvoyFilter_ListenerMatch_FilterChainMatch{
				Filter: &networking.EnvoyFilter_ListenerMatch_FilterMatch{
					Name:      connectionManager,
					SubFilter: &networking.EnvoyFilter_ListenerMatch_SubFilterMatch{Name: routerFilter},
				},
			},
		},
	}
}
