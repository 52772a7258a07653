//go:build wasip1

// SPDX-License-Identifier: Apache-2.0

package main

import "unsafe"

// handed keeps the memory that the host asked for and has not yet been read, by
// its address: to the garbage collector nothing else refers to it.
var handed = map[uint32][]byte{}

// proxyOnMemoryAllocate gives the host memory into which it writes what it
// returns.
//
//go:wasmexport proxy_on_memory_allocate
func proxyOnMemoryAllocate(size uint32) uint32 {
	memory := make([]byte, max(size, 1))
	address := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(memory))))
	handed[address] = memory
	return address
}

// release returns the first size bytes of what was handed out at an address, and
// leaves them to the garbage collector.
func release(address, size uint32) []byte {
	memory := handed[address]
	delete(handed, address)
	return memory[:min(int(size), len(memory))]
}
