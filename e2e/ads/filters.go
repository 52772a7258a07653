// SPDX-License-Identifier: Apache-2.0

package ads

import (
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// Listener returns the listener of a name, or nil.
func (p *Pushed) Listener(name string) *listenerv3.Listener {
	for _, l := range p.Listeners {
		if l.GetName() == name {
			return l
		}
	}
	return nil
}

// Cluster returns the cluster of a name, or nil.
func (p *Pushed) Cluster(name string) *clusterv3.Cluster {
	for _, c := range p.Clusters {
		if c.GetName() == name {
			return c
		}
	}
	return nil
}

// ListenerNames are the names of all listeners, in the order in which they were pushed.
func (p *Pushed) ListenerNames() []string {
	var names []string
	for _, l := range p.Listeners {
		names = append(names, l.GetName())
	}
	return names
}

// An HTTPFilter is a filter of a listener's HTTP chain.
type HTTPFilter struct {
	Name   string
	Config *anypb.Any // nil when it is configured elsewhere
}

// HTTPFilters returns the HTTP filters of each of a listener's filter chains that has an HTTP connection manager, in
// the order in which they run. A nil listener has none.
func HTTPFilters(l *listenerv3.Listener) ([][]HTTPFilter, error) {
	chains := l.GetFilterChains()
	if last := l.GetDefaultFilterChain(); last != nil {
		chains = append(chains[:len(chains):len(chains)], last)
	}
	var all [][]HTTPFilter
	for _, chain := range chains {
		for _, network := range chain.GetFilters() {
			filters, err := ofManager(network)
			if err != nil {
				return nil, fmt.Errorf("listener %s, filter chain %q: %w", l.GetName(), chain.GetName(), err)
			}
			if filters != nil {
				all = append(all, filters)
			}
		}
	}
	return all, nil
}

// ofManager returns the HTTP filters of a network filter, or nil when it is no HTTP connection manager.
func ofManager(network *listenerv3.Filter) ([]HTTPFilter, error) {
	config := network.GetTypedConfig()
	if !config.MessageIs(&hcmv3.HttpConnectionManager{}) {
		return nil, nil
	}
	var manager hcmv3.HttpConnectionManager
	if err := config.UnmarshalTo(&manager); err != nil {
		return nil, fmt.Errorf("decode %s: %w", network.GetName(), err)
	}
	filters := make([]HTTPFilter, 0, len(manager.GetHttpFilters()))
	for _, f := range manager.GetHttpFilters() {
		filters = append(filters, HTTPFilter{Name: f.GetName(), Config: f.GetTypedConfig()})
	}
	return filters, nil
}

// Names are those of a chain's filters.
func Names(chain []HTTPFilter) []string {
	names := make([]string, 0, len(chain))
	for _, f := range chain {
		names = append(names, f.Name)
	}
	return names
}
