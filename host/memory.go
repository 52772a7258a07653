// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// withMemory has modules that are instantiated with the context take their linear memory from the VM.
func withMemory(ctx context.Context, vm *VM) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory {
		return &linearMemory{vm: vm}
	}))
}

// linearMemory is a filter's memory, which grows to the limit.
type linearMemory struct {
	vm    *VM
	bytes []byte
}

// Reallocate grows the memory. Beyond the limit it returns nil, and so memory.grow the -1 that it has for that.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.vm.limits.Memory {
		m.vm.growthRefused = true
		return nil
	}
	if size > uint64(cap(m.bytes)) {
		room := min(size+size/4, m.vm.limits.Memory)
		grown := make([]byte, size, room)
		copy(grown, m.bytes)
		m.bytes = grown
	}
	m.bytes = m.bytes[:size]
	return m.bytes
}

// Free drops the memory.
func (m *linearMemory) Free() { m.bytes = nil }

// checkMemory refuses a module whose memory begins above the limit.
func (vm *VM) checkMemory() error {
	const page = 64 << 10
	for _, memory := range vm.module.compiled.ExportedMemories() {
		if uint64(memory.Min())*page > vm.limits.Memory {
			return &LimitError{Callback: instantiation, Limit: LimitMemory}
		}
	}
	return nil
}

// arguments are those of a call of a host function.
type arguments []uint64

func (a arguments) u32(i int) uint32 { return api.DecodeU32(a[i]) }

// read returns a view of size bytes at the address, both being arguments that follow each other. It is valid until the
// filter runs again.
func (vm *VM) read(a arguments, i int) ([]byte, bool) {
	return vm.memory.Read(a.u32(i), a.u32(i+1))
}

func (vm *VM) readString(a arguments, i int) (string, bool) {
	data, ok := vm.read(a, i)
	return string(data), ok
}

// readAll reads several pairs of an address and a size; the first of each is at the given indices.
func (vm *VM) readAll(a arguments, indices ...int) ([]string, bool) {
	all := make([]string, len(indices))
	for n, i := range indices {
		value, ok := vm.readString(a, i)
		if !ok {
			return nil, false
		}
		vm.spend(len(value))
		all[n] = value
	}
	return all, true
}

// stored makes a status of whether something could be written.
func stored(ok bool) Status {
	if !ok {
		return StatusInvalidMemoryAccess
	}
	return StatusOK
}

func (vm *VM) put32(at, value uint32) Status { return stored(vm.memory.WriteUint32Le(at, value)) }

func (vm *VM) put64(at uint32, value uint64) Status {
	return stored(vm.memory.WriteUint64Le(at, value))
}

// give copies data into memory that the filter allocates, and writes its address and size. Empty data has the address 0.
func (vm *VM) give(data []byte, addressAt, sizeAt uint32) Status {
	var address uint32
	if len(data) > 0 {
		vm.spend(len(data))
		var ok bool
		if address, ok = vm.allocate(uint32(len(data))); !ok || !vm.memory.Write(address, data) {
			return StatusInvalidMemoryAccess
		}
	}
	return stored(vm.memory.WriteUint32Le(addressAt, address) && vm.memory.WriteUint32Le(sizeAt, uint32(len(data))))
}

// duringAllocation are the host functions that Envoy offers to an allocator.
var duringAllocation = toSet("proxy_log", "fd_write", "clock_time_get", "poll_oneoff")

// allocate calls the filter's allocator.
func (vm *VM) allocate(size uint32) (uint32, bool) {
	outer := vm.allowed
	vm.allowed = duringAllocation
	defer func() { vm.allowed = outer }()
	result, err := vm.instance.ExportedFunction(vm.module.about.Allocator).Call(vm.ctx, uint64(size))
	if err != nil {
		panic(err) // the call that needed it ends with this error
	}
	address := api.DecodeU32(result[0])
	return address, address != 0
}
