// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autowasm/autowasm/render"
)

// notAllowed is what Prometheus' format does not allow in a name.
var notAllowed = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// shown is a plugin as the statistics of proxies name it.
func shown(p render.Plugin) render.Plugin {
	p.Owner = notAllowed.ReplaceAllString(p.Owner, "_")
	return p
}

// Report is what a proxy's statistics show of the modules that it runs; zero when it shows none.
type Report struct {
	// At is when the proxy was scraped: two reports of one time are the same.
	At time.Time
	// Filters are our plugins in listeners that are active, warming or draining, sorted and distinct. An underscore
	// stands for what is neither a letter nor a digit in an Owner.
	Filters []render.Plugin
	// Others is the number of other plugins.
	Others int
	// VMs is the number of virtual machines that run: Workers+2 for each set of filters that share one, none where the
	// module did not load or start.
	VMs int
	// Created is how many virtual machines were created since there were none, those included that ran for a moment or not
	// at all; 0 when the proxy does not show it.
	Created int64
	// Workers is the number of worker threads; 0 when the proxy does not show it.
	Workers int
	// Warming is the number of listeners that wait for something, such as a module.
	Warming int
	// Draining is the number of former listeners and filter chains that are still there. A filter that is in a former
	// one and in the present one can have its virtual machines twice until then.
	Draining int
	// Starting is true before the proxy listens: it waits for its first configuration, a module's load included.
	Starting bool
	// Rejected is how many updates of listeners the proxy has rejected since it started.
	Rejected int64
	// Restarts count how often a plugin of Filters was started again, or was tried to, after it had trapped; with the
	// failure policy FailReload only, and without those that never were.
	Restarts map[render.Plugin]int64
	// Backoffs count the requests that found a plugin of Filters trapped and not yet started again, which Envoy puts off for
	// a moment; without those that none did.
	Backoffs map[render.Plugin]int64
	// OtherRestarts counts those of the other plugins.
	OtherRestarts int64
	// FetchFailures and FetchSuccesses count loads of modules since the proxy started.
	FetchFailures, FetchSuccesses int64
}

// size is about what the report takes of the memory, in bytes.
func (r Report) size() int {
	bytes := 256
	for _, f := range r.Filters {
		bytes += len(f.Owner) + 128
	}
	bytes += 128 * (len(r.Restarts) + len(r.Backoffs))
	return bytes
}

const (
	// MaxStats is how much of a proxy's statistics is read, in bytes.
	MaxStats = 4 << 20
	// maxLine is the longest line of it, in bytes.
	maxLine = 64 << 10
	// maxFilters and maxPluginName, in bytes, bound what a hostile pod can have kept: ours are fewer and shorter.
	maxFilters    = 128
	maxPluginName = 512
	// maxOthers is how far the plugins of others are counted.
	maxOthers = 1000
	// maxValue bounds a value, so that sums and products of them do not overflow.
	maxValue = 1 << 30
)

// Parse reads a Report from a proxy's statistics in Prometheus' text format. What it does not know is ignored. More
// than MaxStats bytes, or a line of more than 64 KiB, are an error.
func Parse(r io.Reader) (Report, error) {
	limited := &io.LimitedReader{R: r, N: MaxStats + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxLine)
	s := newStats()
	for lines.Scan() {
		if name, value, ok := sample(lines.Text()); ok {
			s.add(name, value)
		}
	}
	if err := lines.Err(); err != nil {
		return Report{}, fmt.Errorf("read a proxy's statistics: %w", err)
	}
	if limited.N <= 0 {
		return Report{}, fmt.Errorf("read a proxy's statistics: more than %d bytes", MaxStats)
	}
	return s.result(), nil
}

// sample takes a line apart: name{labels} value [time]. Labels may hold anything, the rest neither spaces nor braces.
func sample(line string) (name string, value int64, ok bool) {
	name, rest := line, ""
	if i := strings.IndexByte(line, '{'); i >= 0 {
		name, rest = line[:i], line[strings.LastIndexByte(line, '}')+1:]
	} else {
		name, rest, _ = strings.Cut(line, " ")
	}
	fields := strings.Fields(rest)
	if name == "" || strings.HasPrefix(name, "#") || len(fields) == 0 || len(fields) > 2 {
		return "", 0, false
	}
	value, ok = number(fields[0])
	return name, value, ok
}

// number is the whole part of a value; what cannot count anything is none.
func number(text string) (int64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f < 0 {
		return 0, false
	}
	return int64(min(f, maxValue)), true
}

// The names of statistics in Prometheus' format: Envoy writes an underscore for what is neither a letter nor a digit.
const (
	wasmPrefix    = "envoy_wasm_"
	ownPrefix     = "autowasm_"
	activeSuffix  = "_active"
	createdSuffix = "_created"
)

// preInitializing, in envoy.admin.v3.ServerInfo.State, and what is above it are a server's that does not listen yet.
const preInitializing = 2

// pluginSuffixes end the counters that each plugin has.
var pluginSuffixes = []string{"vm_reload", "vm_reload_backoff", "vm_reload_failure", "vm_reload_success"}

// stats are the statistics of one proxy while they are read.
type stats struct {
	report  Report
	filters map[render.Plugin]struct{}
	others  map[string]struct{}
	// vmCount is the number of virtual machines of all runtimes, if it was counted: Envoy 1.39 does. It is exact; the
	// gauges of the runtimes are set by several threads, each to what it has read, and a late one can win for good.
	vmCount int
	counted bool
}

func newStats() *stats {
	return &stats{filters: map[render.Plugin]struct{}{}, others: map[string]struct{}{}}
}

// add takes one sample. One that comes twice, with other labels, adds up.
func (s *stats) add(name string, value int64) {
	switch name {
	case "envoy_server_concurrency":
		s.report.Workers = sum(s.report.Workers, value)
	case "envoy_server_state":
		s.report.Starting = value >= preInitializing
	case "envoy_listener_manager_total_listeners_warming":
		s.report.Warming = sum(s.report.Warming, value)
	case "envoy_listener_manager_total_filter_chains_draining", "envoy_listener_manager_total_listeners_draining":
		s.report.Draining = sum(s.report.Draining, value)
	case "envoy_listener_manager_lds_update_rejected":
		s.report.Rejected = sum(s.report.Rejected, value)
	case "envoy_wasm_remote_load_fetch_failures":
		s.report.FetchFailures = sum(s.report.FetchFailures, value)
	case "envoy_wasm_remote_load_fetch_successes":
		s.report.FetchSuccesses = sum(s.report.FetchSuccesses, value)
	case "envoy_wasm_wasm_vm_count":
		s.vmCount, s.counted = sum(s.vmCount, value), true
	default:
		s.addWasm(name, value)
	}
}

// sum adds without overflow.
func sum[N int | int64](a N, b int64) N { return min(a+N(b), maxValue) }

// addWasm takes a sample whose name holds that of a runtime or a plugin. Those of all runtimes count.
func (s *stats) addWasm(name string, value int64) {
	name, ok := strings.CutPrefix(name, wasmPrefix)
	switch {
	case !ok:
	case strings.HasSuffix(name, activeSuffix):
		s.report.VMs = sum(s.report.VMs, value)
	case strings.HasSuffix(name, createdSuffix):
		s.report.Created = sum(s.report.Created, value)
	default:
		s.addPlugin(name, value)
	}
}

// addPlugin takes a sample that may be of a plugin.
func (s *stats) addPlugin(name string, value int64) {
	plugin, ok := pluginOf(name)
	if !ok {
		return
	}
	restarts := strings.HasSuffix(name, "vm_reload_success") || strings.HasSuffix(name, "vm_reload_failure")
	own, ok := ownPlugin(plugin)
	switch {
	case ok && len(s.filters) < maxFilters && len(plugin) <= maxPluginName:
		s.filters[own] = struct{}{}
		if restarts {
			addCount(&s.report.Restarts, own, value)
		} else if strings.HasSuffix(name, "vm_reload_backoff") {
			addCount(&s.report.Backoffs, own, value)
		}
		return
	case restarts:
		s.report.OtherRestarts = sum(s.report.OtherRestarts, value)
	}
	if len(s.others) < maxOthers {
		s.others[plugin] = struct{}{}
	}
}

// addCount adds to the count of a plugin. There is none at zero.
func addCount(to *map[render.Plugin]int64, p render.Plugin, n int64) {
	if n == 0 {
		return
	}
	if *to == nil {
		*to = map[render.Plugin]int64{}
	}
	(*to)[p] = sum((*to)[p], n)
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

// ownPlugin reads the two hashes at the end of the name of a plugin of ours.
func ownPlugin(plugin string) (render.Plugin, bool) {
	parts := strings.Split(plugin, "_")
	last := len(parts) - 1
	if !strings.HasPrefix(plugin, ownPrefix) || last < 3 || !isHash(parts[last]) || !isHash(parts[last-1]) {
		return render.Plugin{}, false
	}
	// Copies: a part of a line would keep all of it.
	return render.Plugin{Owner: strings.Join(parts[:last-1], "_"), VM: strings.Clone(parts[last-1]), Revision: strings.Clone(parts[last])}, true
}

// isHash reports whether text is 8 lower-case hex digits.
func isHash(text string) bool {
	return len(text) == 8 && strings.Trim(text, "0123456789abcdef") == ""
}

func (s *stats) result() Report {
	r := s.report
	r.Others = len(s.others)
	if s.counted {
		r.VMs = s.vmCount
	}
	r.Filters = slices.SortedFunc(maps.Keys(s.filters), func(a, b render.Plugin) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.VM, b.VM), cmp.Compare(a.Revision, b.Revision))
	})
	return r
}
