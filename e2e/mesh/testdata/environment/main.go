//go:build wasip1

// Command environment is a filter that shows what it sees of its environment: it adds a header hello with the value of
// the variable TEAM to every response.
package main

import (
	"os"
	"unsafe"
)

const (
	actionContinue     = 0
	mapResponseHeaders = 2
)

//go:wasmimport env proxy_add_header_map_value
func addHeader(kind uint32, name *byte, nameSize uint32, value *byte, valueSize uint32) uint32

func main() {}

//go:wasmexport proxy_abi_version_0_2_1
func abiVersion() {}

//go:wasmexport proxy_on_memory_allocate
func allocate(size uint32) uint32 {
	memory = append(memory, make([]byte, max(size, 1)))
	return uint32(uintptr(unsafe.Pointer(&memory[len(memory)-1][0])))
}

// memory is what the host asked for. It asks for little, and the filter does not live long.
var memory [][]byte

//go:wasmexport proxy_on_context_create
func onContextCreate(_, _ uint32) {}

//go:wasmexport proxy_on_vm_start
func onVMStart(_, _ uint32) uint32 { return 1 }

//go:wasmexport proxy_on_configure
func onConfigure(_, _ uint32) uint32 { return 1 }

//go:wasmexport proxy_on_response_headers
func onResponseHeaders(_, _, _ uint32) uint32 {
	name, value := "hello", os.Getenv("TEAM")
	addHeader(mapResponseHeaders, unsafe.StringData(name), uint32(len(name)), unsafe.StringData(value), uint32(len(value)))
	return actionContinue
}
