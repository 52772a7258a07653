// SPDX-License-Identifier: Apache-2.0

package module

import "strings"

// newestEnvoy is the newest release of Envoy: no release up to it has a host function that is not listed here.
const newestEnvoy = "1.40"

// The first release of Envoy that has a function.
const (
	envoy136 = "1.36" // or an older one: those were not examined
	envoy139 = "1.39"
)

// hostFunction is a function that Envoy's Proxy-Wasm host (proxy-wasm-cpp-host) provides to modules.
type hostFunction struct {
	signature string
	// abis that have it; none means all.
	abis []string
	// since is the date (YYYY-MM-DD) of the change that added it to the host.
	since string
	// envoy is the first release that has it, looked up in the official binaries from 1.36 on.
	envoy string
}

// hostFunctions are all functions that some Envoy provides, by "module.name", with their C++ types as of 2026-07.
var hostFunctions = allHostFunctions()

func allHostFunctions() map[string]hostFunction {
	letters := strings.NewReplacer("i", "i32,", "I", "i64,")
	all := map[string]hostFunction{}
	for _, group := range hostGroups {
		for _, f := range group.functions {
			params := strings.TrimSuffix(letters.Replace(f.params), ",")
			for _, module := range group.modules {
				all[module+"."+group.prefix+f.name] = hostFunction{signature(params, group.result), group.abis, group.since, group.envoy}
			}
		}
	}
	return all
}

var (
	env = []string{"env"}
	// wasi are the two names from which a module can import the functions of WASI preview 1.
	wasi = []string{"wasi_unstable", "wasi_snapshot_preview1"}
)

// named is a function's name, without the prefix of its group, and its parameters: i for i32, I for i64.
type named struct{ name, params string }

// hostGroups are groups of functions that differ only in name and parameters.
var hostGroups = []struct {
	modules   []string // from which they can be imported
	prefix    string   // of their names
	abis      []string
	since     string
	envoy     string
	result    string // i32 or nothing
	functions []named
}{
	{env, "proxy_", nil, "2020-08-04", envoy136, "i32", proxyFunctions},
	{env, "proxy_", abi01, "2020-08-04", envoy136, "i32", []named{
		{"get_configuration", "ii"}, {"continue_request", ""}, {"continue_response", ""}, {"clear_route_cache", ""},
	}},
	{env, "proxy_", abi02, "2020-08-04", envoy136, "i32", []named{{"continue_stream", "i"}, {"close_stream", "i"}}},
	{env, "proxy_", []string{"0.2.1"}, "2020-12-22", envoy136, "i32", []named{{"get_log_level", "i"}}},
	{env, "", nil, "2020-08-04", envoy136, "i32", []named{{"pthread_equal", "ii"}}},
	{env, "", nil, "2022-06-15", envoy136, "", []named{{"emscripten_notify_memory_growth", "i"}}},
	{wasi, "", nil, "2020-10-15", envoy136, "i32", wasi2020},
	{wasi, "", nil, "2020-10-15", envoy136, "", []named{{"proc_exit", "i"}}},
	{wasi, "", nil, "2021-11-18", envoy136, "i32", wasi2021},
	{wasi, "", nil, "2024-12-19", envoy136, "i32", wasi2024},
	{wasi, "", nil, "2026-04-06", envoy139, "i32", wasi2026},
}

// proxyFunctions are the Proxy-Wasm functions that every ABI has.
var proxyFunctions = []named{
	{"log", "iii"},
	{"get_status", "iii"},
	{"set_property", "iiii"},
	{"get_property", "iiii"},
	{"send_local_response", "iiiiiiii"},
	{"get_shared_data", "iiiii"},
	{"set_shared_data", "iiiii"},
	{"register_shared_queue", "iii"},
	{"resolve_shared_queue", "iiiii"},
	{"dequeue_shared_queue", "iii"},
	{"enqueue_shared_queue", "iii"},
	{"get_header_map_value", "iiiii"},
	{"add_header_map_value", "iiiii"},
	{"replace_header_map_value", "iiiii"},
	{"remove_header_map_value", "iii"},
	{"get_header_map_pairs", "iii"},
	{"set_header_map_pairs", "iii"},
	{"get_header_map_size", "ii"},
	{"get_buffer_status", "iii"},
	{"get_buffer_bytes", "iiiii"},
	{"set_buffer_bytes", "iiiii"},
	{"http_call", "iiiiiiiiii"},
	{"grpc_call", "iiiiiiiiiiii"},
	{"grpc_stream", "iiiiiiiii"},
	{"grpc_close", "i"},
	{"grpc_cancel", "i"},
	{"grpc_send", "iiii"},
	{"set_tick_period_milliseconds", "i"},
	{"get_current_time_nanoseconds", "i"},
	{"define_metric", "iiii"},
	{"increment_metric", "iI"},
	{"record_metric", "iI"},
	{"get_metric", "ii"},
	{"set_effective_context", "i"},
	{"done", ""},
	{"call_foreign_function", "iiiiii"},
}

// wasi2020 is what C++ and Rust modules need.
var wasi2020 = []named{
	{"args_get", "ii"},
	{"args_sizes_get", "ii"},
	{"clock_time_get", "iIi"},
	{"environ_get", "ii"},
	{"environ_sizes_get", "ii"},
	{"fd_close", "i"},
	{"fd_fdstat_get", "ii"},
	{"fd_read", "iiii"},
	{"fd_seek", "iIii"},
	{"fd_write", "iiii"},
	{"random_get", "ii"},
}

// wasi2021 came with modules that look for preopened files.
var wasi2021 = []named{
	{"fd_prestat_dir_name", "iii"},
	{"fd_prestat_get", "ii"},
	{"path_open", "iiiiiIIii"},
}

// wasi2024 came with the Go SDK: it is what the Go runtime needs to start.
var wasi2024 = []named{
	{"fd_fdstat_set_flags", "ii"},
	{"poll_oneoff", "iiii"},
	{"sched_yield", ""},
}

// wasi2026 is the rest that the Go standard library imports when a program touches files. The host answers most of
// them with "not supported". path_link and path_symlink stand here with the host's signatures, which have one
// parameter less than WASI's own: a module that imports WASI's is not linked.
var wasi2026 = []named{
	{"clock_res_get", "ii"},
	{"fd_advise", "iIIi"},
	{"fd_allocate", "iII"},
	{"fd_datasync", "i"},
	{"fd_fdstat_set_rights", "iII"},
	{"fd_filestat_get", "ii"},
	{"fd_filestat_set_size", "iI"},
	{"fd_filestat_set_times", "iIIi"},
	{"fd_pread", "iiiIi"},
	{"fd_pwrite", "iiiIi"},
	{"fd_readdir", "iiiIi"},
	{"fd_renumber", "ii"},
	{"fd_sync", "i"},
	{"fd_tell", "ii"},
	{"path_create_directory", "iii"},
	{"path_filestat_get", "iiiii"},
	{"path_filestat_set_times", "iiiiIIi"},
	{"path_link", "iiiiii"},
	{"path_readlink", "iiiiii"},
	{"path_remove_directory", "iii"},
	{"path_rename", "iiiiii"},
	{"path_symlink", "iiii"},
	{"path_unlink_file", "iii"},
	{"sock_accept", "iii"},
	{"sock_recv", "iiiiii"},
	{"sock_send", "iiiii"},
	{"sock_shutdown", "ii"},
}
