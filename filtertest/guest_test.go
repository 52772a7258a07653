// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/host"
)

// i32 is an instruction that pushes a number from 0 to 8191.
func i32(n int) []byte { return []byte{0x41, byte(n&0x7f) | 0x80, byte(n >> 7)} }

// call are the instructions that call a function with numbers, and drop the result.
func call(function byte, args ...int) []byte {
	var code []byte
	for _, n := range args {
		code = append(code, i32(n)...)
	}
	return append(code, 0x10, function, 0x1a)
}

// The host functions that filters of these tests import.
const (
	fnLog = iota
	fnLocal
	fnHTTPCall
	fnRemove
)

// Where the texts are that they have in their memory.
const (
	helloAt, clusterAt, pairsAt = 16, 32, 48
	methodAt                    = pairsAt + 7*4 // behind the number and the sizes
)

// filter builds a filter.
func filter(options ...wasmtest.Option) []byte {
	all := []wasmtest.Option{
		wasmtest.NoImports(),
		wasmtest.Import("env", "proxy_log", "iii:i"),
		wasmtest.Import("env", "proxy_send_local_response", "iiiiiiii:i"),
		wasmtest.Import("env", "proxy_http_call", "iiiiiiiiii:i"),
		wasmtest.Import("env", "proxy_remove_header_map_value", "iii:i"),
	}
	return wasmtest.Module(append(append(all, options...), memory())...)
}

// memory is the section of data.
func memory() wasmtest.Option {
	content := []byte{3}
	for at, text := range [][]byte{[]byte("hello"), []byte("auth"), pairs(":method", "GET", ":path", "/", ":authority", "a")} {
		offset := []int{helloAt, clusterAt, pairsAt}[at]
		content = slices.Concat(content, []byte{0}, i32(offset), []byte{0x0b, byte(len(text))}, text)
	}
	return wasmtest.Section(11, content)
}

// pairs encodes a list of headers.
func pairs(all ...string) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(all)/2))
	for _, s := range all {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(s)))
	}
	for _, s := range all {
		out = append(append(out, s...), 0)
	}
	return out
}

// Callbacks, each with its code, which leaves the answer.
func onHeaders(of string, code ...[]byte) wasmtest.Option {
	return wasmtest.Function("proxy_on_"+of+"_headers", "iii:i", slices.Concat(code...)...)
}

func onBody(of string, code ...[]byte) wasmtest.Option {
	return wasmtest.Function("proxy_on_"+of+"_body", "iii:i", slices.Concat(code...)...)
}

// What callbacks do.
var (
	pass     = i32(0)
	pause    = i32(1)
	logHello = call(fnLog, 2, helloAt, 5)
	logDebug = call(fnLog, 1, helloAt, 5)
	answer   = call(fnLocal, 403, helloAt, 5, helloAt, 5, 0, 0, 7)
	callAuth = call(fnHTTPCall, clusterAt, 4, pairsAt, len(pairs(":method", "GET", ":path", "/", ":authority", "a")), 0, 0, 0, 0, 1000, 1024)
	trap     = []byte{0x00}
	untilEnd = []byte{0x20, 2, 0x45} // local.get 2, i32.eqz: stop and buffer, until the end of the stream
)

func example(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("../examples/" + name + "/add-header.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// ran runs the cases of a file in text protobuf.
func ran(t *testing.T, wasm []byte, cases string, o Options) Suite {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tests.textpb")
	if err := os.WriteFile(path, []byte(cases), 0o600); err != nil {
		t.Fatal(err)
	}
	return ranFile(t, wasm, path, o)
}

func ranFile(t *testing.T, wasm []byte, path string, o Options) Suite {
	t.Helper()
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := host.Compile(t.Context(), wasm, host.Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close(t.Context()) }()
	suite, err := f.Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	return suite
}

// failures are those of all cases.
func failures(s Suite) []string {
	var all []string
	for _, r := range s.Cases {
		all = append(all, r.Failures...)
	}
	return all
}
