// SPDX-License-Identifier: Apache-2.0

package module

import (
	"maps"
	"slices"
	"strings"
)

// export is an exported function that Envoy looks for by name.
type export struct {
	index     uint32 // of the function
	defined   bool   // there is a function of that index
	typeIndex uint32
	signature string
}

// abiMarker is an export that is named as the marker of an ABI.
type abiMarker struct {
	name string
	kind byte
}

// readExports reads the export section. It keeps what Envoy looks for by name.
func (p *parser) readExports() {
	p.readEntries(sectionExport, func() {
		name, kind, index := p.name("name"), p.byte(), p.u32()
		if kind == kindMemory {
			p.d.exportsMemory = true
		}
		switch {
		case strings.HasPrefix(name, abiPrefix):
			p.d.noteABI(abiMarker{name, kind})
		case !isCallback(name):
		case kind == kindFunction:
			p.d.export(name).index = index
		default:
			delete(p.d.exports, name) // of two exports of that name, the last counts
		}
	})
}

// export returns the export of that name, a new one if there is none yet: a file may repeat one a million times.
func (d *Description) export(name string) *export {
	e := d.exports[name]
	if e == nil {
		e = &export{}
		d.exports[name] = e
	}
	return e
}

// noteABI keeps the first marker of a known ABI, like Envoy, and the first of any other.
func (d *Description) noteABI(marker abiMarker) {
	version, known := abiVersions[marker.name]
	switch {
	case known && marker.kind == kindFunction && d.ABI == "":
		d.ABI = version
	case d.unknownABI.name == "":
		d.unknownABI = marker
	}
}

// readSignatures finds the signatures of imports and exports. Of a million types and functions only those are kept.
func (p *parser) readSignatures() {
	p.readTypeIndices()
	wanted := map[uint32]bool{}
	for _, e := range p.d.exports {
		wanted[e.typeIndex] = true
	}
	for _, i := range p.d.Imports {
		if i.kind == kindFunction {
			wanted[i.typeIndex] = true
		}
	}
	types := p.readFunctionTypes(wanted)
	for n := range p.d.Imports {
		if i := &p.d.Imports[n]; i.kind == kindFunction {
			i.Signature = p.signatureOf("import "+i.fullName(), types, i.typeIndex)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.d.exports)) {
		e := p.d.exports[name]
		e.signature = p.signatureOf("export "+name, types, e.typeIndex)
	}
}

func (p *parser) signatureOf(function string, types map[uint32]string, index uint32) string {
	signature, ok := types[index]
	if !ok {
		p.failf("%s: there is no function type %d", function, index)
	}
	return signature
}

// readTypeIndices finds the type index of each export. Functions are numbered with the imported ones first.
func (p *parser) readTypeIndices() {
	exported := map[uint32][]*export{} // by index
	for _, e := range p.d.exports {
		exported[e.index] = append(exported[e.index], e)
	}
	var index uint32
	define := func(typeIndex uint32) {
		for _, e := range exported[index] {
			e.typeIndex, e.defined = typeIndex, true
		}
		index++
	}
	for _, i := range p.d.Imports {
		if i.kind == kindFunction {
			define(i.typeIndex)
		}
	}
	index = p.d.importedFunctions
	p.readEntries(sectionFunction, func() {
		define(p.u32())
		p.d.functions++
	})
	for _, name := range slices.Sorted(maps.Keys(p.d.exports)) {
		if e := p.d.exports[name]; !e.defined {
			p.failf("export %s: there is no function %d", name, e.index)
		}
	}
}

// abiPrefix is how the name of every export begins that marks an ABI.
const abiPrefix = "proxy_abi_version_"

// abiVersions are those of the Proxy-Wasm ABI that Envoy knows, by the export that marks them. Forks know others.
var abiVersions = map[string]string{
	abiPrefix + "0_1_0": "0.1.0",
	abiPrefix + "0_2_0": "0.2.0",
	abiPrefix + "0_2_1": "0.2.1",
}

// forks are the proxies that have an ABI of their own, by the export that marks it.
var forks = map[string]string{
	abiPrefix + "0_2_100": "Higress's fork of Envoy, which is in Higress's gateway",
}

var (
	// allocators are the exports through which Envoy allocates memory in a module, in the order of its preference.
	allocators = []string{"malloc", "proxy_on_memory_allocate"}
	// entryPoints are the exports that initialize a module, in the same order.
	entryPoints = []string{"_initialize", "_start"}
)

// callback is an export that Envoy calls by name. It may be absent, but not of another type.
type callback struct {
	name      string
	signature string
	abis      []string // that have it with this signature; none means all
}

var (
	abi01 = []string{"0.1.0"}
	abi02 = []string{"0.2.0", "0.2.1"}
)

// callbacks are all exports that Envoy may call.
var callbacks = []callback{
	{"malloc", "(i32)->i32", nil},
	{"proxy_on_memory_allocate", "(i32)->i32", nil},
	{"_initialize", "()->()", nil},
	{"_start", "()->()", nil},
	{"main", "(i32,i32)->i32", nil},
	{"__main_void", "()->i32", nil},
	{"proxy_validate_configuration", "(i32,i32)->i32", nil},
	{"proxy_on_vm_start", "(i32,i32)->i32", nil},
	{"proxy_on_configure", "(i32,i32)->i32", nil},
	{"proxy_on_tick", "(i32)->()", nil},
	{"proxy_on_context_create", "(i32,i32)->()", nil},
	{"proxy_on_new_connection", "(i32)->i32", nil},
	{"proxy_on_downstream_data", "(i32,i32,i32)->i32", nil},
	{"proxy_on_upstream_data", "(i32,i32,i32)->i32", nil},
	{"proxy_on_downstream_connection_close", "(i32,i32)->()", nil},
	{"proxy_on_upstream_connection_close", "(i32,i32)->()", nil},
	{"proxy_on_request_headers", "(i32,i32)->i32", abi01},
	{"proxy_on_request_headers", "(i32,i32,i32)->i32", abi02},
	{"proxy_on_request_body", "(i32,i32,i32)->i32", nil},
	{"proxy_on_request_trailers", "(i32,i32)->i32", nil},
	{"proxy_on_request_metadata", "(i32,i32)->i32", nil},
	{"proxy_on_response_headers", "(i32,i32)->i32", abi01},
	{"proxy_on_response_headers", "(i32,i32,i32)->i32", abi02},
	{"proxy_on_response_body", "(i32,i32,i32)->i32", nil},
	{"proxy_on_response_trailers", "(i32,i32)->i32", nil},
	{"proxy_on_response_metadata", "(i32,i32)->i32", nil},
	{"proxy_on_http_call_response", "(i32,i32,i32,i32,i32)->()", nil},
	{"proxy_on_grpc_receive", "(i32,i32,i32)->()", nil},
	{"proxy_on_grpc_close", "(i32,i32,i32)->()", nil},
	{"proxy_on_grpc_receive_initial_metadata", "(i32,i32,i32)->()", nil},
	{"proxy_on_grpc_receive_trailing_metadata", "(i32,i32,i32)->()", nil},
	{"proxy_on_queue_ready", "(i32,i32)->()", nil},
	{"proxy_on_foreign_function", "(i32,i32,i32)->()", abi02},
	{"proxy_on_done", "(i32)->i32", nil},
	{"proxy_on_log", "(i32)->()", nil},
	{"proxy_on_delete", "(i32)->()", nil},
}

func isCallback(name string) bool {
	return slices.ContainsFunc(callbacks, func(c callback) bool { return c.name == name })
}
