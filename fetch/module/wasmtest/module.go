// SPDX-License-Identifier: Apache-2.0

package wasmtest

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

// Option changes the module that Module builds.
type Option func(*spec)

// spec is what a module is built from.
type spec struct {
	exports []exported
	imports []imported
	// hidden is a memory that is not exported.
	hidden bool
	// ownMemory is a memory that the module defines.
	ownMemory bool
	// tables that the module defines.
	tables  [][]byte
	custom  []section
	padding int
}

// exported is a function that is exported under a name. All have an empty body,
// save for the allocator.
type exported struct {
	name      string
	kind      byte
	signature string
	body      []byte
}

// imported is a function that is imported, or anything else: then kind and what
// the encoding says of it are in other.
type imported struct {
	module, name, signature string
	other                   []byte
}

type section struct {
	id      byte
	content []byte
}

// Module returns a module that Envoy runs as a filter that does nothing. Unless
// options say otherwise it speaks ABI 0.2.1, allocates through malloc, and
// imports env.proxy_log.
func Module(options ...Option) []byte {
	s := &spec{ownMemory: true}
	ABI("0.2.1")(s)
	Allocator("malloc")(s)
	Import("env", "proxy_log", "iii:i")(s)
	for _, option := range options {
		option(s)
	}
	return s.build()
}

// NoABI returns a module that marks no ABI: it is refused as NotProxyWasm.
func NoABI() []byte { return Module(ABI("")) }

// NoAllocator returns a module through which Envoy cannot get memory: it is
// refused as NotProxyWasm.
func NoAllocator() []byte { return Module(Allocator("")) }

// UnknownImport returns a module that also imports a function: it is refused as
// UnknownImport unless Envoy provides it, without parameters and results.
func UnknownImport(module, name string) []byte { return Module(Import(module, name, ":")) }

// Component returns an empty component: it is refused as Component.
func Component() []byte { return []byte("\x00asm\x0d\x00\x01\x00") }

// Truncated returns a good module without its last byte: it is refused as
// NotWasm.
func Truncated() []byte {
	whole := Module()
	return whole[:len(whole)-1]
}

// NotWasm returns a text: it is refused as NotWasm.
func NotWasm() []byte { return []byte("404 page not found\n") }

// ABI marks the module with the version of an ABI, such as 0.2.1, and no other;
// an empty version marks none.
func ABI(version string) Option {
	return func(s *spec) {
		s.dropExports(isABI)
		if version != "" {
			Export(abiExport(version), ":")(s)
		}
	}
}

// Allocator names the exported allocator; an empty name exports none.
func Allocator(name string) Option {
	return func(s *spec) {
		s.dropExports(func(e exported) bool { return e.body != nil })
		if name != "" {
			s.exports = append(s.exports, exported{name: name, signature: "i:i", body: bumpAllocator})
		}
	}
}

// Import adds an import of a function. The signature has a letter for each
// parameter and, behind a colon, for each result: i and I for i32 and i64, f and
// F for f32 and f64.
func Import(module, name, signature string) Option {
	return func(s *spec) {
		s.imports = append(s.imports, imported{module: module, name: name, signature: signature})
	}
}

// ImportMemory imports the memory instead of defining it.
func ImportMemory(module, name string) Option {
	return func(s *spec) {
		s.ownMemory = false
		s.imports = append(s.imports, imported{module: module, name: name, other: []byte{kindMemory, 0, 16}})
	}
}

// ImportTable adds an import of a table of functions.
func ImportTable(module, name string) Option {
	return func(s *spec) {
		s.imports = append(s.imports, imported{module: module, name: name, other: []byte{kindTable, 0x70, 0, 1}})
	}
}

// Table defines a table of functions that has so many elements at first, and no maximum.
func Table(elements int) Option {
	return func(s *spec) { s.tables = append(s.tables, append([]byte{0x70, 0}, number(elements)...)) }
}

// ImportGlobal adds an import of a constant i32.
func ImportGlobal(module, name string) Option {
	return func(s *spec) {
		s.imports = append(s.imports, imported{module: module, name: name, other: []byte{kindGlobal, 0x7f, 0}})
	}
}

// NoImports drops the imports that were there so far.
func NoImports() Option { return func(s *spec) { s.imports = nil } }

// Export adds an exported function of the given signature (see Import), which
// traps when it is called and has results.
func Export(name, signature string) Option {
	return func(s *spec) { s.exports = append(s.exports, exported{name: name, signature: signature}) }
}

// Function adds an exported function of the given signature (see Import) whose code is body, without local variables and
// without its end. Functions are numbered with the imported ones first, of which there is proxy_log unless [NoImports]
// dropped it; then come the marker of the ABI, the allocator and what options add.
func Function(name, signature string, body ...byte) Option {
	return func(s *spec) {
		s.exports = append(s.exports, exported{name: name, signature: signature, body: append([]byte{}, body...)})
	}
}

// DeepStack makes a filter whose proxy_on_configure pushes 100,000 numbers and calls itself: 400 KB that have an interpreter
// whose stack has no limit take some GB.
func DeepStack() Option {
	const numbers = 100_000
	return func(s *spec) {
		self := len(s.importedFunctions()) + len(s.functions())
		body := bytes.Repeat([]byte{0x41, 1}, numbers)                           // i32.const 1
		body = slices.Concat(body, []byte{0x41, 0, 0x41, 0, 0x10}, number(self)) // call itself
		body = slices.Concat(body, bytes.Repeat([]byte{0x6a}, numbers))          // i32.add
		s.exports = append(s.exports, exported{name: "proxy_on_configure", signature: "ii:i", body: body})
	}
}

// RemoveStatus has the module remove :status from the headers of each response.
func RemoveStatus() Option {
	return func(s *spec) {
		Import("env", "proxy_remove_header_map_value", "iii:i")(s)
		Section(11, append([]byte{1, 0, 0x41, 0xc0, 0, 0x0b, 7}, ":status"...))(s) // data at 64
		// proxy_remove_header_map_value(2, 64, 7), whose result 0 has the response go on
		Function("proxy_on_response_headers", "iii:i", 0x41, 2, 0x41, 0xc0, 0, 0x41, 7, 0x10, 1)(s)
	}
}

// TrapOnHeaders makes a filter that traps at each request of n headers or more, of which there are at most 63, and lets
// all others pass.
func TrapOnHeaders(n byte) Option {
	body := []byte{
		0x20, 1, 0x41, n, 0x4e, // local.get 1 (the number of headers), i32.const n, i32.ge_s
		0x04, 0x40, 0x00, 0x0b, // if, unreachable, end
		0x41, 0, // i32.const 0: continue
	}
	return func(s *spec) {
		s.exports = append(s.exports, exported{name: "proxy_on_request_headers", signature: "iii:i", body: body})
	}
}

// ExportGlobal exports a global number under a name.
func ExportGlobal(name string) Option {
	return func(s *spec) { s.exports = append(s.exports, exported{name: name, kind: kindGlobal}) }
}

// HiddenMemory keeps the memory from being exported.
func HiddenMemory() Option { return func(s *spec) { s.hidden = true } }

// Custom adds a custom section.
func Custom(name string, content []byte) Option {
	return func(s *spec) {
		s.custom = append(s.custom, section{0, append(text(name), content...)})
	}
}

// Salt gives the module another digest.
func Salt(salt string) Option { return Custom("salt", []byte(salt)) }

// Section adds a section of any id and content at the end of the module.
func Section(id byte, content []byte) Option {
	return func(s *spec) { s.custom = append(s.custom, section{id, content}) }
}

// Padding makes the module exactly size bytes long, by a custom section of noise
// that does not compress. A module that is longer already stays as it is.
func Padding(size int) Option { return func(s *spec) { s.padding = size } }

// noise is the same for the same size.
func noise(size int) []byte {
	bytes := make([]byte, size)
	seed := [32]byte{'p', 'a', 'd', byte(size), byte(size >> 8), byte(size >> 16), byte(size >> 24)}
	_, _ = rand.NewChaCha8(seed).Read(bytes) // never fails
	return bytes
}
