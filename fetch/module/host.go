package module

// What Envoy's Proxy-Wasm host (proxy-wasm-cpp-host) provides and asks for. The
// tables follow its registered functions and their C++ types as of 2026-07; a
// date is that of the change that brought a function to the host. Which release
// of Envoy has it first was looked up in the official binaries from 1.36 on.

// newestEnvoy is the newest release whose functions are all in the tables, so that
// what is not in them is in no release up to it.
const newestEnvoy = "1.40"

// The releases of Envoy that have a function.
const (
	envoy136 = "1.36" // and maybe older ones, which nobody looked at
	envoy139 = "1.39"
)

// abiVersions are the known ABIs by the name of the exported function that marks
// them. Some forks of Envoy know others.
var abiVersions = map[string]string{
	"proxy_abi_version_0_1_0": "0.1.0",
	"proxy_abi_version_0_2_0": "0.2.0",
	"proxy_abi_version_0_2_1": "0.2.1",
}

// allocators are the exports through which Envoy hands memory to a module, in
// the order of its preference.
var allocators = []string{"malloc", "proxy_on_memory_allocate"}

// entryPoints are the exports that start a module, in the order of preference.
var entryPoints = []string{"_initialize", "_start"}

// hostFunction is a function that the host provides to modules.
type hostFunction struct {
	// name without the prefix of its family.
	name string
	// params has a letter for each parameter: i for i32, I for i64.
	params string
}

// family is a group of host functions that came together.
type family struct {
	// modules are the names under which the functions can be imported.
	modules []string
	// prefix of the functions' names.
	prefix string
	// abis that have the functions; none means all.
	abis []string
	// since when (YYYY-MM-DD) the host has them.
	since string
	// envoy is the first release that has them.
	envoy string
	// result of the functions: i32, or nothing.
	result string
	// functions of the family.
	functions []hostFunction
}

var env = []string{"env"}

// families are all functions that some Envoy provides.
var families = []family{
	{env, "proxy_", nil, "2020-08-04", envoy136, "i32", proxyFunctions},
	{env, "proxy_", []string{"0.1.0"}, "2020-08-04", envoy136, "i32", []hostFunction{
		{"get_configuration", "ii"}, {"continue_request", ""}, {"continue_response", ""}, {"clear_route_cache", ""},
	}},
	{env, "proxy_", []string{"0.2.0", "0.2.1"}, "2020-08-04", envoy136, "i32", []hostFunction{
		{"continue_stream", "i"}, {"close_stream", "i"},
	}},
	{env, "proxy_", []string{"0.2.1"}, "2020-12-22", envoy136, "i32", []hostFunction{{"get_log_level", "i"}}},
	{env, "", nil, "2020-08-04", envoy136, "i32", []hostFunction{{"pthread_equal", "ii"}}},
	{env, "", nil, "2022-06-15", envoy136, "", []hostFunction{{"emscripten_notify_memory_growth", "i"}}},
	{wasi, "", nil, "2020-10-15", envoy136, "i32", wasi2020},
	{wasi, "", nil, "2020-10-15", envoy136, "", []hostFunction{{"proc_exit", "i"}}},
	{wasi, "", nil, "2021-11-18", envoy136, "i32", wasi2021},
	{wasi, "", nil, "2024-12-19", envoy136, "i32", wasi2024},
	{wasi, "", nil, "2026-04-06", envoy139, "i32", wasi2026},
}

// proxyFunctions are the Proxy-Wasm functions of every ABI.
var proxyFunctions = []hostFunction{
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
