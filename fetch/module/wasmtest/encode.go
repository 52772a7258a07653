// SPDX-License-Identifier: Apache-2.0

package wasmtest

import (
	"encoding/binary"
	"slices"
	"strings"
)

// What the encoding calls things.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
)

// paddingOverhead is what the padding's section costs beside the noise: its id,
// a size of 5 bytes, and its name.
const paddingOverhead = 1 + 5 + 1 + len("padding")

var header = []byte("\x00asm\x01\x00\x00\x00")

// heapEnd is global 0: a mutable i32 that is 1024 at first.
var heapEnd = []byte{0x7f, 1, 0x41, 0x80, 0x08, 0x0b}

// bumpAllocator returns the old value of global 0 and adds the wanted size to it:
// global.get 0, global.get 0, local.get 0, i32.add, global.set 0.
var bumpAllocator = []byte{0x23, 0, 0x23, 0, 0x20, 0, 0x6a, 0x24, 0}

func isABI(e exported) bool { return strings.HasPrefix(e.name, "proxy_abi_version_") }

func abiExport(version string) string {
	return "proxy_abi_version_" + strings.ReplaceAll(version, ".", "_")
}

func (s *spec) dropExports(drop func(exported) bool) { s.exports = slices.DeleteFunc(s.exports, drop) }

// functions are the exports that are functions, in order.
func (s *spec) functions() []exported {
	return slices.DeleteFunc(slices.Clone(s.exports), func(e exported) bool { return e.kind != kindFunction })
}

// build encodes the module. Every function has a type of its own.
func (s *spec) build() []byte {
	module := slices.Clone(header)
	for _, part := range []section{
		{1, s.types()}, {2, s.importSection()}, {3, s.functionSection()}, {4, s.tableSection()}, {5, s.memorySection()},
		{6, vector([][]byte{heapEnd})},
		{7, s.exportSection()}, {10, s.code()},
	} {
		if part.content != nil {
			module = appendSection(module, part)
		}
	}
	for _, part := range s.custom {
		module = appendSection(module, part)
	}
	return s.pad(module)
}

func (s *spec) pad(module []byte) []byte {
	missing := s.padding - len(module) - paddingOverhead
	if missing < 0 {
		return module
	}
	content := append(text("padding"), noise(missing)...)
	size := binary.AppendUvarint(nil, uint64(len(content)))
	for len(size) < 5 { // a number may be written longer than it need be
		size[len(size)-1] |= 0x80
		size = append(size, 0)
	}
	return slices.Concat(module, []byte{0}, size, content)
}

func (s *spec) types() []byte {
	var types [][]byte
	for _, i := range s.importedFunctions() {
		types = append(types, functionType(i.signature))
	}
	for _, f := range s.functions() {
		types = append(types, functionType(f.signature))
	}
	return vector(types)
}

func (s *spec) importSection() []byte {
	var entries [][]byte
	function := 0
	for _, i := range s.imports {
		what := i.other
		if what == nil {
			what = append([]byte{kindFunction}, number(function)...)
			function++
		}
		entries = append(entries, slices.Concat(text(i.module), text(i.name), what))
	}
	return vector(entries)
}

// importedFunctions are the imports that are functions, in order.
func (s *spec) importedFunctions() []imported {
	return slices.DeleteFunc(slices.Clone(s.imports), func(i imported) bool { return i.other != nil })
}

// memorySection has one memory of 16 pages, or none.
func (s *spec) memorySection() []byte {
	if !s.ownMemory {
		return vector(nil)
	}
	return vector([][]byte{{0, 16}})
}

// tableSection is none without a table.
func (s *spec) tableSection() []byte {
	if s.tables == nil {
		return nil
	}
	return vector(s.tables)
}

func (s *spec) functionSection() []byte {
	var indices [][]byte
	for index := range s.functions() {
		indices = append(indices, number(len(s.importedFunctions())+index))
	}
	return vector(indices)
}

func (s *spec) exportSection() []byte {
	var entries [][]byte
	function := len(s.importedFunctions())
	for _, e := range s.exports {
		index := 0
		if e.kind == kindFunction {
			index = function
			function++
		}
		entries = append(entries, slices.Concat(text(e.name), []byte{e.kind}, number(index)))
	}
	if !s.hidden {
		entries = append(entries, append(text("memory"), kindMemory, 0))
	}
	return vector(entries)
}

func (s *spec) code() []byte {
	var bodies [][]byte
	for _, f := range s.functions() {
		body := f.body
		if _, results, _ := strings.Cut(f.signature, ":"); body == nil && results != "" {
			body = []byte{0x00} // unreachable
		}
		body = slices.Concat([]byte{0}, body, []byte{0x0b}) // no locals … end
		bodies = append(bodies, append(number(len(body)), body...))
	}
	return vector(bodies)
}

func functionType(signature string) []byte {
	params, results, _ := strings.Cut(signature, ":")
	return slices.Concat([]byte{0x60}, valueTypes(params), valueTypes(results))
}

func valueTypes(letters string) []byte {
	codes := map[rune]byte{'i': 0x7f, 'I': 0x7e, 'f': 0x7d, 'F': 0x7c}
	encoded := number(len(letters))
	for _, letter := range letters {
		encoded = append(encoded, codes[letter])
	}
	return encoded
}

func number(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func text(s string) []byte { return append(number(len(s)), s...) }

func vector(entries [][]byte) []byte {
	return append(number(len(entries)), slices.Concat(entries...)...)
}

func appendSection(module []byte, s section) []byte {
	return slices.Concat(module, []byte{s.id}, number(len(s.content)), s.content)
}
