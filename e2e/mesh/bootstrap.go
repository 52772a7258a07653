package mesh

import (
	"encoding/json"
	"fmt"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/env"
)

// The static clusters of a proxy, by the names that istiod's configuration expects.
const (
	discoveryCluster = "xds-grpc"
	secretsCluster   = "sds-grpc"
)

// object is a JSON object.
type object = map[string]any

// bootstrap is what a proxy starts with, after Istio's own: who it is and where its control plane is. Everything
// else comes from there.
func bootstrap(n ads.Node, istiod, secrets string) ([]byte, error) {
	clusters := make([]object, 0, 2)
	for name, address := range map[string]string{discoveryCluster: istiod, secretsCluster: secrets} {
		cluster, err := grpcCluster(name, address)
		if err != nil {
			return nil, fmt.Errorf("make the cluster %s of a proxy: %w", name, err)
		}
		clusters = append(clusters, cluster)
	}
	fromADS := object{"ads": object{}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
	return json.MarshalIndent(object{
		"node": object{"id": n.ID, "cluster": n.Metadata["NAME"], "metadata": n.Metadata},
		"dynamic_resources": object{
			"lds_config": fromADS, "cds_config": fromADS,
			"ads_config": object{
				"api_type": "DELTA_GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": true,
				"grpc_services": []object{{"envoy_grpc": object{"cluster_name": discoveryCluster}}},
			},
		},
		"static_resources": object{"clusters": clusters},
	}, "", "  ")
}

// grpcCluster is a static cluster that speaks HTTP/2 to one address.
func grpcCluster(name, address string) (object, error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	return object{
		"name": name, "type": "STATIC", "connect_timeout": "1s",
		"typed_extension_protocol_options": object{options: object{
			"@type":                "type.googleapis.com/" + options,
			"explicit_http_config": object{"http2_protocol_options": object{}},
		}},
		"load_assignment": object{"cluster_name": name, "endpoints": []object{{
			"lb_endpoints": []object{{"endpoint": object{"address": socketAddress(host, port)}}},
		}}},
	}, nil
}

func socketAddress(host string, port int) object {
	return object{"socket_address": object{"address": host, "port_value": port}}
}

// admin is the part of a bootstrap that says where the proxy's own pages are.
func admin(port int) string {
	return fmt.Sprintf(`{admin: {address: {socket_address: {address: %s, port_value: %d}}}}`, env.Loopback, port)
}
