// SPDX-License-Identifier: Apache-2.0

package host

import "github.com/autowasm/autowasm/fetch/module/wasmtest"

// i32 is an instruction that pushes a number.
func i32(n int32) []byte {
	out := []byte{0x41}
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// callOf are the instructions that call a function with numbers. The result stays.
func callOf(function byte, args ...int32) []byte {
	var out []byte
	for _, n := range args {
		out = append(out, i32(n)...)
	}
	return append(out, 0x10, function)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

var drop = []byte{0x1a}

// The host functions that filters of these tests import, by their index.
const (
	fnContinue = iota
	fnClose
	fnLocal
	fnSetHeader
	fnSetBuffer
	fnEffective
	fnSetPairs
)

var imports = []wasmtest.Option{
	wasmtest.NoImports(),
	wasmtest.Import("env", "proxy_continue_stream", "i:i"),
	wasmtest.Import("env", "proxy_close_stream", "i:i"),
	wasmtest.Import("env", "proxy_send_local_response", "iiiiiiii:i"),
	wasmtest.Import("env", "proxy_add_header_map_value", "iiiii:i"),
	wasmtest.Import("env", "proxy_set_buffer_bytes", "iiiii:i"),
	wasmtest.Import("env", "proxy_set_effective_context", "i:i"),
	wasmtest.Import("env", "proxy_set_header_map_pairs", "iii:i"),
}

// filter builds a filter of these imports.
func filter(options ...wasmtest.Option) []byte {
	return wasmtest.Module(append(imports[:len(imports):len(imports)], options...)...)
}

// Callbacks, each with its code, which leaves the answer.
func onHeaders(of string, code ...[]byte) wasmtest.Option {
	return wasmtest.Function("proxy_on_"+of+"_headers", "iii:i", join(code...)...)
}

func onBody(of string, code ...[]byte) wasmtest.Option {
	return wasmtest.Function("proxy_on_"+of+"_body", "iii:i", join(code...)...)
}

func onTrailers(of string, code ...[]byte) wasmtest.Option {
	return wasmtest.Function("proxy_on_"+of+"_trailers", "ii:i", join(code...)...)
}

// onTick resumes, of the stream 2, which is the first, what is given.
func onTick(stream int32) wasmtest.Option {
	return wasmtest.Function("proxy_on_tick", "i:", join(callOf(fnEffective, 2), drop, callOf(fnContinue, stream), drop)...)
}

// localResponse sends one with an empty body and header list, whose grpc-status is none.
func localResponse(code int32) []byte { return join(callOf(fnLocal, code, 0, 0, 0, 0, 0, 0, -1), drop) }

var trap = []byte{0x00}
