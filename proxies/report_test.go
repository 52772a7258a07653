// SPDX-License-Identifier: Apache-2.0

package proxies_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/proxies"
	"github.com/autowasm/autowasm/render"
)

var (
	filterA = render.Plugin{VM: "1a2b3c4d", Revision: "5e6f7a8b"}
	filterB = render.Plugin{VM: "0a2b3c4d", Revision: "5e6f7a8b"}
)

// of are filters of one owner.
func of(owner string, filters ...render.Plugin) []render.Plugin {
	out := slices.Clone(filters)
	for i := range out {
		out[i].Owner = owner
	}
	return out
}

func TestParse(t *testing.T) {
	cases := map[string]struct {
		stats string
		want  proxies.Report
	}{
		"nothing": {},
		"one of ours": {
			stats: "envoy_wasm_autowasm_default_c_1a2b3c4d_5e6f7a8b_vm_reload{} 0\n",
			want:  proxies.Report{Filters: of("autowasm_default_c", filterA)},
		},
		"a name with underscores": {
			stats: "envoy_wasm_autowasm_team_a_c_d_1a2b3c4d_5e6f7a8b_vm_reload{} 0\n",
			want:  proxies.Report{Filters: of("autowasm_team_a_c_d", filterA)},
		},
		"siblings are the same plugin": {
			stats: "envoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload{} 1\nenvoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload_backoff{} 1\n" +
				"envoy_wasm_x_vm_reload 0\nenvoy_wasm_x_vm_reload_failure 0\nenvoy_wasm_x_vm_reload_success 0\n",
			want: proxies.Report{Filters: of("autowasm_n_c", filterA), Others: 1, Backoffs: map[render.Plugin]int64{of("autowasm_n_c", filterA)[0]: 1}},
		},
		"restarts": {
			stats: "envoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload_success{} 3\nenvoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload_failure{} 4\n" +
				"envoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload_backoff{} 9\nenvoy_wasm_x_vm_reload_success 5\n",
			want: proxies.Report{Filters: of("autowasm_n_c", filterA), Others: 1, OtherRestarts: 5, Restarts: map[render.Plugin]int64{of("autowasm_n_c", filterA)[0]: 7},
				Backoffs: map[render.Plugin]int64{of("autowasm_n_c", filterA)[0]: 9}},
		},
		"sorted and distinct": {
			stats: "envoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload{} 0\nenvoy_wasm_autowasm_n_c_0a2b3c4d_5e6f7a8b_vm_reload{} 0\n" +
				"envoy_wasm_autowasm_n_c_1a2b3c4d_00000000_vm_reload{} 0\nenvoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload{} 0\n",
			want: proxies.Report{Filters: of("autowasm_n_c", filterB, render.Plugin{VM: "1a2b3c4d", Revision: "00000000"}, filterA)},
		},
		"others": {
			stats: "envoy_wasm_stats_vm_reload 0\nenvoy_wasm_vm_reload 0\n" + // the latter has no name
				"envoy_wasm_autowasm_n_c_1A2b3c4d_5e6f7a8b_vm_reload 0\n" +
				"envoy_wasm_autowasm_n_c_1a2b3c4d_5e6f7a8_vm_reload 0\n" +
				"envoy_wasm_autowasm_1a2b3c4d_5e6f7a8b_vm_reload 0\n" +
				"envoy_wasm_my_autowasm_n_c_1a2b3c4d_5e6f7a8b_vm_reload 0\n",
			want: proxies.Report{Others: 6},
		},
		"numbers": {
			stats: "envoy_server_concurrency{} 2\nenvoy_wasm_envoy_wasm_runtime_v8_active{} 4\nenvoy_wasm_envoy_wasm_runtime_v8_created{} 9\n" +
				"envoy_wasm_remote_load_fetch_failures{} 3\nenvoy_wasm_remote_load_fetch_successes{} 5\n" +
				"envoy_listener_manager_lds_update_rejected{} 6\nenvoy_listener_manager_total_listeners_warming{} 7\n",
			want: proxies.Report{Workers: 2, VMs: 4, Created: 9, FetchFailures: 3, FetchSuccesses: 5, Rejected: 6, Warming: 7},
		},
		"a gauge that was set too late": {
			stats: "envoy_wasm_envoy_wasm_runtime_v8_active{} 3\nenvoy_wasm_wasm_vm_count{} 4\n",
			want:  proxies.Report{VMs: 4},
		},
		"starting": {stats: "envoy_server_state{} 3\n", want: proxies.Report{Starting: true}},
		"draining": {stats: "envoy_server_state{} 1\n"},
		"draining listeners": {
			stats: "envoy_listener_manager_total_listeners_draining{} 1\nenvoy_listener_manager_total_filter_chains_draining{} 4\n",
			want:  proxies.Report{Draining: 5},
		},
		"all runtimes": {
			stats: "envoy_wasm_envoy_wasm_runtime_v8_active{} 4\nenvoy_wasm_envoy_wasm_runtime_null_active{} 4\n",
			want:  proxies.Report{VMs: 8},
		},
		"labels, times, exponents": {
			stats: "# TYPE envoy_server_concurrency gauge\n" +
				`envoy_server_concurrency{a="b c",d="} 9 {"} 2 1700000000000` + "\r\n" +
				"envoy_wasm_remote_load_fetch_failures{} 1.2e+01\n" +
				"envoy_wasm_remote_load_fetch_successes 3.0\n",
			want: proxies.Report{Workers: 2, FetchFailures: 12, FetchSuccesses: 3},
		},
		"what makes no sense": {
			stats: "envoy_server_concurrency\nenvoy_server_concurrency{} x\nenvoy_server_concurrency{} NaN\nenvoy_server_concurrency{} -1\n" +
				"envoy_server_concurrency{} 1 2 3\nenvoy_server_concurrency} 3\n{} 4\n}{\n \n# 1\n\x00\xff 1\nenvoy_wasm_ 1\nenvoy_wasmcustom_x_vm_reload 1\n",
		},
		"a limit": {
			stats: "envoy_server_concurrency 1e300\nenvoy_server_concurrency +Inf\nenvoy_listener_manager_lds_update_rejected Inf\n",
			want:  proxies.Report{Workers: 1 << 30, Rejected: 1 << 30},
		},
		"a name that is too long": {
			stats: "envoy_wasm_autowasm_" + strings.Repeat("n", 600) + "_1a2b3c4d_5e6f7a8b_vm_reload{} 0\n",
			want:  proxies.Report{Others: 1},
		},
		"no newline at the end": {stats: "envoy_server_concurrency{} 2", want: proxies.Report{Workers: 2}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := proxies.Parse(strings.NewReader(c.stats))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

// What a real Envoy answered: two filters of ours, one of others and one without a name, all of which run.
func TestParseEnvoy(t *testing.T) {
	file, err := os.Open("testdata/envoy-1.40.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	got, err := proxies.Parse(file)
	want := proxies.Report{Filters: append(of("autowasm_default_c", filterA), of("autowasm_team_a_my_filter", filterB)...), Others: 2, VMs: 16, Workers: 2}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, report (-want +got):\n%s", err, diff)
	}
}

func TestParseBounds(t *testing.T) {
	line := "envoy_server_concurrency{} 0\n"
	many := strings.Repeat(line, proxies.MaxStats/len(line))
	padding := strings.Repeat("\n", proxies.MaxStats-len(many))
	cases := map[string]struct {
		stats, want string
	}{
		"as much as may be": {stats: many + padding},
		"too much":          {stats: many + padding + "\n", want: "more than 4194304 bytes"},
		"a long line":       {stats: strings.Repeat("a", 100<<10), want: "token too long"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := proxies.Parse(strings.NewReader(c.stats))
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// A proxy that names filters without end has few of them kept.
func TestParseKeepsFewFilters(t *testing.T) {
	var stats strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&stats, "envoy_wasm_autowasm_n_c_1a2b3c4d_%08x_vm_reload{} 0\n", i)
	}
	got, err := proxies.Parse(strings.NewReader(stats.String()))
	if err != nil || len(got.Filters) != 128 || got.Others != 872 {
		t.Errorf("%d filters, %d others, %v", len(got.Filters), got.Others, err)
	}
}

func FuzzParse(f *testing.F) {
	real, err := os.ReadFile("testdata/envoy-1.40.0.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(real)
	f.Add([]byte(`envoy_server_concurrency{a="}"} 1e9` + "\nenvoy_wasm_vm_reload 1"))
	f.Add([]byte("}{ 1"))
	f.Fuzz(func(t *testing.T, stats []byte) {
		r, err := proxies.Parse(bytes.NewReader(stats))
		if err != nil {
			return
		}
		if r.VMs < 0 || r.Workers < 0 || r.Warming < 0 || r.Rejected < 0 || r.FetchFailures < 0 || r.FetchSuccesses < 0 {
			t.Errorf("%+v", r)
		}
		for i, filter := range r.Filters {
			if len(filter.VM) != 8 || len(filter.Revision) != 8 || (i > 0 && fmt.Sprint(r.Filters[i-1]) >= fmt.Sprint(filter)) {
				t.Errorf("%+v", r.Filters)
			}
			proxies.Evaluate(filter, proxies.Evidence{Report: r, Settled: true})
		}
	})
}

// A report keeps no more than its own few bytes of a large answer.
func TestAReportIsSmall(t *testing.T) {
	var body strings.Builder
	for i := 0; body.Len() < proxies.MaxStats-6000; i++ {
		fmt.Fprintf(&body, "envoy_wasm_autowasm_a_b_%08x_%08x_vm_reload{x=%q} 0\n", i, i, strings.Repeat("x", 5000))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var reports []proxies.Report
	for range 10 {
		report, err := proxies.Parse(strings.NewReader(body.String()))
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, report)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 1<<20 {
		t.Errorf("%d reports of %d filters keep %d KiB", len(reports), len(reports[0].Filters), kept>>10)
	}
	runtime.KeepAlive(reports)
	runtime.KeepAlive(&body)
}
