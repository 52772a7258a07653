// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// callbacks are those that a filter can have, and their types.
var callbacks = []struct{ name, signature string }{
	{"proxy_on_context_create", "ii:"}, {"proxy_on_vm_start", "ii:i"}, {"proxy_on_configure", "ii:i"},
	{"proxy_on_request_headers", "iii:i"}, {"proxy_on_request_body", "iii:i"}, {"proxy_on_request_trailers", "ii:i"},
	{"proxy_on_response_headers", "iii:i"}, {"proxy_on_response_body", "iii:i"}, {"proxy_on_response_trailers", "ii:i"},
	{"proxy_on_tick", "i:"}, {"proxy_on_queue_ready", "ii:"}, {"proxy_on_foreign_function", "iii:"},
	{"proxy_on_http_call_response", "iiiii:"}, {"proxy_on_grpc_receive_initial_metadata", "iii:"}, {"proxy_on_grpc_receive", "iii:"},
	{"proxy_on_grpc_receive_trailing_metadata", "iii:"}, {"proxy_on_grpc_close", "iii:"},
	{"proxy_on_log", "i:"}, {"proxy_on_done", "i:i"}, {"proxy_on_delete", "i:"},
}

// hostFunction is one that a program imports, by its index.
type hostFunction struct {
	params string
	silent bool
}

// hostFunctions are all of ABI 0.2.1, and the options that import them.
func hostFunctions() (functions []hostFunction, options []wasmtest.Option) {
	options = []wasmtest.Option{wasmtest.NoImports()}
	for _, g := range groups() {
		if len(g.abis) > 0 && !slices.Contains(g.abis, "0.2.1") {
			continue
		}
		result := map[bool]string{true: ":", false: ":i"}[g.silent]
		for _, f := range g.all {
			options = append(options, wasmtest.Import(g.modules[0], g.prefix+f.name, f.params+result))
			functions = append(functions, hostFunction{f.params, g.silent})
		}
	}
	return functions, options
}

// What a program has in its memory, and the numbers that are likely to mean something to a host function.
const textsAt = 16

var (
	texts   = append(encodePairs([][2]string{{":method", "GET"}, {":path", "/"}, {":authority", "h"}}), "request\x00path\x00compress\x00plugin_name"...)
	numbers = []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, textsAt, int32(len(texts)), 63, 400, 1000, 60000, 1 << 20, 1<<31 - 1, -1}
)

// program makes a filter of any bytes: each of its callbacks calls host functions with such numbers, or with its own
// parameters, and gives an answer.
func program(source []byte) []byte {
	next := func() int {
		if len(source) == 0 {
			return 0
		}
		b := source[0]
		source = source[1:]
		return int(b)
	}
	functions, options := hostFunctions()
	code := make([][]byte, len(callbacks))
	for len(source) > 0 {
		n := next() % len(callbacks)
		code[n] = append(code[n], callWith(functions, next, strings.Index(callbacks[n].signature, ":"))...)
	}
	for n, c := range callbacks {
		if code[n] == nil && n > 0 { // a callback less
			continue
		}
		if strings.HasSuffix(c.signature, ":i") {
			code[n] = append(code[n], i32(answers[len(code[n])%len(answers)])...)
		}
		options = append(options, wasmtest.Function(c.name, c.signature, code[n]...))
	}
	segment := binary.AppendUvarint(join([]byte{1, 0}, i32(textsAt), []byte{0x0b}), uint64(len(texts)))
	return wasmtest.Module(append(options, wasmtest.Section(11, append(segment, texts...)))...)
}

// answers of callbacks, the likely ones more often than others.
var answers = []int32{1, 0, 1, 0, 1, 2, 3, 4}

// callWith are the instructions of a call in a callback that has so many parameters.
func callWith(functions []hostFunction, next func() int, params int) []byte {
	index := next() % len(functions)
	var code []byte
	for _, kind := range functions[index].params {
		switch n := next(); {
		case kind == 'I':
			code = append(code, 0x42, byte(n&0x7f)) // i64.const
		case n < len(numbers):
			code = append(code, i32(numbers[n])...)
		case n > 255-params:
			code = append(code, 0x20, byte(255-n)) // local.get
		default:
			code = append(code, i32(int32(n))...)
		}
	}
	if code = append(code, 0x10, byte(index)); !functions[index].silent {
		code = append(code, drop...)
	}
	return code
}

// FuzzCalls has each callback call any host functions, in any order, and answer in any way.
func FuzzCalls(f *testing.F) {
	functions, _ := hostFunctions()
	var all []byte
	for n := range functions {
		one := []byte{byte(n), byte(n), 9, 10, 9, 10, 9, 10, 12, 13, 14, 0, 0, 0}[:2+len(functions[n].params)]
		f.Add(one)
		all = append(all, one...)
	}
	f.Add(all)
	f.Add([]byte(nil))
	var l lives
	f.Fuzz(func(t *testing.T, source []byte) {
		if len(source) > 1<<14 {
			return // longer than is of use
		}
		defer l.begin(t)()
		checkFailure(t, live(t.Context(), program(source), source))
	})
}

// TestProgramsAreModules: what FuzzCalls makes is run, whatever it is made of.
func TestProgramsAreModules(t *testing.T) {
	for n := range 256 {
		source := slices.Repeat([]byte{byte(n), byte(n * 7), byte(n * 13)}, 50)
		if _, err := Compile(t.Context(), program(source), Interpreter); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
	}
}
