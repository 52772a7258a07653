// SPDX-License-Identifier: Apache-2.0

package ads

import (
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

func TestHTTPFiltersOfAListener(t *testing.T) {
	tcp := &listenerv3.Filter{Name: "tcp", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed(t, &listenerv3.Filter{})}}
	for name, tc := range map[string]struct {
		listener *listenerv3.Listener
		want     [][]string
	}{
		"no listener":  {nil, nil},
		"no HTTP":      {&listenerv3.Listener{FilterChains: chains(tcp)}, nil},
		"two chains":   {&listenerv3.Listener{FilterChains: chains(http(t, "a", "b"), http(t, "b"))}, [][]string{{"a", "b"}, {"b"}}},
		"the last one": {&listenerv3.Listener{FilterChains: chains(http(t, "a")), DefaultFilterChain: chains(http(t, "z"))[0]}, [][]string{{"a"}, {"z"}}},
		"behind TCP": {&listenerv3.Listener{FilterChains: []*listenerv3.FilterChain{
			{Filters: []*listenerv3.Filter{tcp, http(t, "a")}},
		}}, [][]string{{"a"}}},
		"no filters": {&listenerv3.Listener{FilterChains: chains(http(t))}, [][]string{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			filters, err := HTTPFilters(tc.listener)
			if err != nil {
				t.Fatal(err)
			}
			var got [][]string
			for _, chain := range filters {
				got = append(got, Names(chain))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHTTPFiltersOfGarbage(t *testing.T) {
	broken := packed(t, &hcmv3.HttpConnectionManager{})
	broken.Value = []byte{0xff}
	filter := &listenerv3.Filter{Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: broken}}
	if got, err := HTTPFilters(&listenerv3.Listener{FilterChains: chains(filter)}); err == nil {
		t.Errorf("decoded as %v", got)
	}
}

// chains is a filter chain for each network filter.
func chains(filters ...*listenerv3.Filter) []*listenerv3.FilterChain {
	var all []*listenerv3.FilterChain
	for _, f := range filters {
		all = append(all, &listenerv3.FilterChain{Filters: []*listenerv3.Filter{f}})
	}
	return all
}

// http is an HTTP connection manager with filters of these names.
func http(t *testing.T, names ...string) *listenerv3.Filter {
	t.Helper()
	manager := &hcmv3.HttpConnectionManager{}
	for _, name := range names {
		manager.HttpFilters = append(manager.HttpFilters, &hcmv3.HttpFilter{Name: name})
	}
	return &listenerv3.Filter{Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed(t, manager)}}
}

func packed(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	packed, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}
