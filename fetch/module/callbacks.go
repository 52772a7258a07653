package module

import "slices"

// callback is a function that Envoy looks for among a module's exports. It may
// be absent, but not of another type.
type callback struct {
	name      string
	signature string
	abis      []string // in which it is called so; none means all
}

// The types of callbacks: a number of i32 parameters, with or without a result.
const (
	nothing      = "()->()"
	nothingToInt = "()->i32"
	one          = "(i32)->()"
	oneToInt     = "(i32)->i32"
	two          = "(i32,i32)->()"
	twoToInt     = "(i32,i32)->i32"
	three        = "(i32,i32,i32)->()"
	threeToInt   = "(i32,i32,i32)->i32"
	five         = "(i32,i32,i32,i32,i32)->()"
)

var (
	abi01 = []string{"0.1.0"}
	abi02 = []string{"0.2.0", "0.2.1"}
)

// callbacks are all functions that Envoy may call.
var callbacks = []callback{
	{"malloc", oneToInt, nil},
	{"proxy_on_memory_allocate", oneToInt, nil},
	{"_initialize", nothing, nil},
	{"_start", nothing, nil},
	{"main", twoToInt, nil},
	{"__main_void", nothingToInt, nil},
	{"proxy_validate_configuration", twoToInt, nil},
	{"proxy_on_vm_start", twoToInt, nil},
	{"proxy_on_configure", twoToInt, nil},
	{"proxy_on_tick", one, nil},
	{"proxy_on_context_create", two, nil},
	{"proxy_on_new_connection", oneToInt, nil},
	{"proxy_on_downstream_data", threeToInt, nil},
	{"proxy_on_upstream_data", threeToInt, nil},
	{"proxy_on_downstream_connection_close", two, nil},
	{"proxy_on_upstream_connection_close", two, nil},
	{"proxy_on_request_headers", twoToInt, abi01},
	{"proxy_on_request_headers", threeToInt, abi02},
	{"proxy_on_request_body", threeToInt, nil},
	{"proxy_on_request_trailers", twoToInt, nil},
	{"proxy_on_request_metadata", twoToInt, nil},
	{"proxy_on_response_headers", twoToInt, abi01},
	{"proxy_on_response_headers", threeToInt, abi02},
	{"proxy_on_response_body", threeToInt, nil},
	{"proxy_on_response_trailers", twoToInt, nil},
	{"proxy_on_response_metadata", twoToInt, nil},
	{"proxy_on_http_call_response", five, nil},
	{"proxy_on_grpc_receive", three, nil},
	{"proxy_on_grpc_close", three, nil},
	{"proxy_on_grpc_receive_initial_metadata", three, nil},
	{"proxy_on_grpc_receive_trailing_metadata", three, nil},
	{"proxy_on_queue_ready", two, nil},
	{"proxy_on_foreign_function", three, abi02},
	{"proxy_on_done", oneToInt, nil},
	{"proxy_on_log", one, nil},
	{"proxy_on_delete", one, nil},
}

// isCallback says whether Envoy looks for an export of this name.
func isCallback(name string) bool {
	return slices.ContainsFunc(callbacks, func(c callback) bool { return c.name == name })
}
