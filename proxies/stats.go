package proxies

import (
	"cmp"
	"slices"
	"strings"
)

// The names of statistics, as Prometheus' format has them: Envoy writes an underscore
// for whatever is neither a letter nor a digit.
const (
	wasmPrefix   = "envoy_wasm_"
	ownPrefix    = "autowasm_"
	activeSuffix = "_active"
)

// preInitializing and what is above it are the states of a server that does not
// listen yet, as envoy.admin.v3.ServerInfo.State numbers them.
const preInitializing = 2

// pluginSuffixes end the counters that each plugin has.
var pluginSuffixes = []string{"vm_reload", "vm_reload_backoff", "vm_reload_failure", "vm_reload_success"}

// stats are the statistics of one proxy while they are read.
type stats struct {
	seen    Report
	filters map[Filter]struct{}
	others  map[string]struct{}
}

func newStats() *stats {
	return &stats{filters: map[Filter]struct{}{}, others: map[string]struct{}{}}
}

// add takes one sample. One that comes twice, with other labels, adds up.
func (s *stats) add(name string, value int64) {
	switch name {
	case "envoy_server_concurrency":
		s.seen.Workers = sum(s.seen.Workers, value)
	case "envoy_server_state":
		s.seen.Starting = value >= preInitializing
	case "envoy_listener_manager_total_listeners_warming":
		s.seen.Warming = sum(s.seen.Warming, value)
	case "envoy_listener_manager_total_filter_chains_draining", "envoy_listener_manager_total_listeners_draining":
		s.seen.Draining = sum(s.seen.Draining, value)
	case "envoy_listener_manager_lds_update_rejected":
		s.seen.Rejected = sum(s.seen.Rejected, value)
	case "envoy_wasm_remote_load_fetch_failures":
		s.seen.FetchFailures = sum(s.seen.FetchFailures, value)
	case "envoy_wasm_remote_load_fetch_successes":
		s.seen.FetchSuccesses = sum(s.seen.FetchSuccesses, value)
	default:
		s.addWasm(name, value)
	}
}

// sum adds without overflow, whatever a proxy says how often.
func sum[N int | int64](a N, b int64) N { return min(a+N(b), maxValue) }

// addWasm takes a sample whose name holds that of a runtime or a plugin. Machines of
// all runtimes count, as the plugins of all do.
func (s *stats) addWasm(name string, value int64) {
	name, ok := strings.CutPrefix(name, wasmPrefix)
	if !ok {
		return
	}
	if strings.HasSuffix(name, activeSuffix) {
		s.seen.VMs = sum(s.seen.VMs, value)
		return
	}
	plugin, ok := pluginOf(name)
	if !ok {
		return
	}
	if filter, ours := filterOf(plugin); ours {
		s.filters[filter] = struct{}{}
		return
	}
	s.others[plugin] = struct{}{}
}

// pluginOf is the name of the plugin that a counter belongs to. It may be empty.
func pluginOf(stat string) (string, bool) {
	for _, suffix := range pluginSuffixes {
		if plugin, ok := strings.CutSuffix(stat, suffix); ok {
			return strings.TrimSuffix(plugin, "_"), true
		}
	}
	return "", false
}

// filterOf reads the two hashes at the end of the name of a plugin of ours.
func filterOf(plugin string) (Filter, bool) {
	parts := strings.Split(plugin, "_")
	last := len(parts) - 1
	if !strings.HasPrefix(plugin, ownPrefix) || last < 3 || !isHash(parts[last]) || !isHash(parts[last-1]) {
		return Filter{}, false
	}
	return Filter{Owner: strings.Join(parts[:last-1], "_"), VM: parts[last-1], Revision: parts[last]}, true
}

// isHash reports whether text is 8 lower-case hex digits.
func isHash(text string) bool {
	return len(text) == 8 && strings.Trim(text, "0123456789abcdef") == ""
}

func (s *stats) report() Report {
	r := s.seen
	r.Others = len(s.others)
	for filter := range s.filters {
		r.Filters = append(r.Filters, filter)
	}
	slices.SortFunc(r.Filters, func(a, b Filter) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.VM, b.VM), cmp.Compare(a.Revision, b.Revision))
	})
	return r
}
