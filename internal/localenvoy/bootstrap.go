// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strconv"
)

type object = map[string]any

// Names in Envoy's configuration.
const (
	listenerName = "filter"
	filterName   = "filter"
	upstreamName = "upstream"
	wasmType     = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
)

// Files in the directory of a proxy.
const (
	bootstrapFile = "envoy.json"
	filterFile    = "filter.json" // an answer of ECDS
	adminSocket   = "admin.sock"
)

// bootstrap is what Envoy starts with.
func (o Options) bootstrap(dir string) ([]byte, error) {
	upstream, err := socketAddress(o.Upstream)
	if err != nil {
		return nil, err
	}
	return json.Marshal(object{
		"node":  object{"id": "wasmc", "cluster": "wasmc"},
		"admin": object{"address": object{"pipe": object{"path": filepath.Join(dir, adminSocket), "mode": 0o600}}},
		"static_resources": object{
			"listeners": []object{listener(dir, o.Port)},
			"clusters":  []object{cluster(upstream)},
		},
	})
}

func listener(dir string, port int) object {
	discovered := object{"name": filterName, "config_discovery": object{
		"type_urls":     []string{wasmType},
		"config_source": object{"resource_api_version": "V3", "path_config_source": object{"path": filepath.Join(dir, filterFile)}},
	}}
	router := object{"name": "router", "typed_config": object{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
	manager := object{
		"@type":        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		"stat_prefix":  listenerName,
		"http_filters": []object{discovered, router},
		"route_config": object{"name": "all", "virtual_hosts": []object{{
			"name": "all", "domains": []string{"*"},
			"routes": []object{{"match": object{"prefix": "/"}, "route": object{"cluster": upstreamName, "timeout": "0s"}}},
		}}},
		"upgrade_configs": []object{{"upgrade_type": "websocket"}},
	}
	return object{
		"name":    listenerName,
		"address": object{"socket_address": object{"address": "127.0.0.1", "port_value": port}},
		// With it, two proxies could listen on one port, and each would get some of the requests.
		"enable_reuse_port": false,
		"filter_chains": []object{{"filters": []object{
			{"name": "http", "typed_config": manager},
		}}},
	}
}

func cluster(upstream object) object {
	return object{"name": upstreamName, "type": "STATIC", "connect_timeout": "5s", "load_assignment": object{
		"cluster_name": upstreamName,
		"endpoints":    []object{{"lb_endpoints": []object{{"endpoint": object{"address": upstream}}}}},
	}}
}

// socketAddress is HOST:PORT, HOST being an IP address.
func socketAddress(address string) (object, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, err
	}
	return object{"socket_address": object{"address": host, "port_value": port}}, nil
}

// filter is the answer of ECDS that has a version of the filter. The plugin is as an AutoWasm has it by default.
func (o Options) filter(v version) ([]byte, error) {
	vm := object{
		"vm_id": v.vmID, "runtime": "envoy.wasm.runtime.v8",
		"code": object{"local": object{"filename": v.file}},
	}
	if len(o.Env) > 0 {
		variables := map[string]string{}
		for _, variable := range o.Env {
			variables[variable[0]] = variable[1]
		}
		vm["environment_variables"] = object{"key_values": variables}
	}
	plugin := object{
		"name": filterName, "root_id": o.RootID, "vm_config": vm,
		"failure_policy": "FAIL_RELOAD", "reload_config": object{"backoff": object{"base_interval": "0.1s"}},
	}
	if v.config != nil {
		// No StringValue, which has UTF-8 alone.
		plugin["configuration"] = object{"@type": "type.googleapis.com/google.protobuf.BytesValue", "value": v.config}
	}
	return json.Marshal(object{"version_info": strconv.Itoa(v.number), "resources": []object{{
		"@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "name": filterName,
		"typed_config": object{"@type": wasmType, "config": plugin},
	}}})
}
