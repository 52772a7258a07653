// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"text/template"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/env"
)

// The static clusters of a proxy, by the names that istiod's configuration expects, and that of its own admin page.
const (
	discoveryCluster = "xds-grpc"
	secretsCluster   = "sds-grpc"
	statsCluster     = "prometheus_stats"
)

// statsPort is where a proxy tells its statistics, on its own address.
const statsPort = 15090

// istioBootstrap is the part of Istio's own bootstrap, at its defaults, on which it depends what is seen of a proxy from
// outside: which statistics it keeps, how they are called and where they are served. upstream_bind_config is ours: it
// gives a proxy's connections the address that a network namespace would.
//
//go:embed bootstraps/istio.json
var istioBootstrap string

var istioTemplate = template.Must(template.New("istio.json").Option("missingkey=error").Parse(istioBootstrap))

// object is a JSON object.
type object = map[string]any

// bootstrap is what a proxy at an address starts with, after Istio's own: who it is, where its control plane is and what
// it tells of itself. Everything else comes from istiod.
func bootstrap(n ads.Node, address, istiod, secrets string) ([]byte, error) {
	config, err := commonBootstrap(address)
	if err != nil {
		return nil, err
	}
	clusters := make([]object, 0, 2)
	for name, address := range map[string]string{discoveryCluster: istiod, secretsCluster: secrets} {
		cluster, err := grpcCluster(name, address)
		if err != nil {
			return nil, fmt.Errorf("make the cluster %s of a proxy: %w", name, err)
		}
		clusters = append(clusters, cluster)
	}
	config.StaticResources["clusters"] = clusters
	config.Node = object{"id": n.ID, "cluster": n.Metadata["NAME"], "metadata": n.Metadata}
	config.DynamicResources = dynamicResources()
	return json.MarshalIndent(config, "", "  ")
}

// bootstrapConfig is a bootstrap by its parts.
type bootstrapConfig struct {
	Node             object `json:"node"`
	DynamicResources object `json:"dynamic_resources"`
	StaticResources  object `json:"static_resources"`
	ClusterManager   object `json:"cluster_manager"`
	StatsConfig      object `json:"stats_config"`
	DeferredStats    object `json:"deferred_stat_options"`
}

// commonBootstrap is what is the same for all proxies but for their address.
func commonBootstrap(address string) (config bootstrapConfig, err error) {
	var text bytes.Buffer
	if err := istioTemplate.Execute(&text, object{"Address": address, "StatsPort": statsPort}); err != nil {
		return config, fmt.Errorf("fill in Istio's bootstrap: %w", err)
	}
	if err := json.Unmarshal(text.Bytes(), &config); err != nil {
		return config, fmt.Errorf("read Istio's bootstrap: %w", err)
	}
	return config, nil
}

func dynamicResources() object {
	fromADS := object{"ads": object{}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
	return object{
		"lds_config": fromADS, "cds_config": fromADS,
		"ads_config": object{
			"api_type": "DELTA_GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": true,
			"grpc_services": []object{{"envoy_grpc": object{"cluster_name": discoveryCluster}}},
		},
	}
}

// grpcCluster is a static cluster that speaks HTTP/2 to one address. Its name ends in statistics as Istio ends it.
func grpcCluster(name, address string) (object, error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	return object{
		"name": name, "alt_stat_name": name + ";", "type": "STATIC", "connect_timeout": "1s",
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

// adminBootstrap is the part of a bootstrap that says where the proxy's own pages are, which Envoy merges into the other.
func adminBootstrap(port int) string {
	const format = `
admin: &page {address: {socket_address: {address: %[1]s, port_value: %[2]d}}}
static_resources:
  clusters:
  - {name: %[3]s, alt_stat_name: "%[3]s;", type: STATIC, connect_timeout: 0.250s,
     load_assignment: {cluster_name: %[3]s, endpoints: [{lb_endpoints: [{endpoint: *page}]}]}}
`
	return fmt.Sprintf(format, env.Loopback, port, statsCluster)
}
