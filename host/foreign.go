// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"compress/zlib"
	"io"
	"slices"
)

// ForeignFunction is a function that a proxy offers by name beside those of the ABI. It may keep its arguments, and must not
// call the VM.
type ForeignFunction func(arguments []byte) ([]byte, Status)

// Use is what a filter used of which this host does not know what Envoy would do.
type Use string

// What filters use of a proxy.
const (
	UseForeignFunction Use = "foreign function"
	UseProperty        Use = "property"
	UseCallout         Use = "call-out"
	UseSharedData      Use = "shared data"
	UseSharedQueue     Use = "shared queue"
)

// Unmodelled is something that a filter used and whose outcome depends on the proxy: a foreign function that this host does
// not have, an attribute that the caller did not give, a call-out, or what another filter would share.
type Unmodelled struct {
	Use Use
	// Name of the function, the path of the attribute with dots, the cluster, the key of the data, or the name or token of the
	// queue.
	Name string
}

// maxUnmodelled is how many different ones are kept.
const maxUnmodelled = 64

// Unmodelled returns what filters used so far whose outcome depends on the proxy, each once, the first 64.
func (vm *VM) Unmodelled() []Unmodelled { return slices.Clone(vm.unmodelled) }

func (vm *VM) unmodelledUse(use Use, name string) {
	if len(name) > maxName {
		name = name[:maxName] + "…"
	}
	u := Unmodelled{use, name}
	if len(vm.unmodelled) < maxUnmodelled && !slices.Contains(vm.unmodelled, u) {
		vm.unmodelled = append(vm.unmodelled, u)
	}
}

// callForeignFunction follows call_foreign_function in exports.cc of proxy-wasm-cpp-host. A function that does not exist is
// not found.
func callForeignFunction(vm *VM, a arguments) Status {
	name, ok := vm.readString(a, 0)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	args, ok := vm.read(a, 2)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	result, status, found := vm.foreign(name, args)
	if !found {
		vm.unmodelledUse(UseForeignFunction, name)
		return StatusNotFound
	}
	if stored := vm.giveIfAsked(result, a.u32(4), a.u32(5)); stored != StatusOK {
		return stored
	}
	return status
}

// giveIfAsked is give, where an address of 0 stands for what the filter does not ask for.
func (vm *VM) giveIfAsked(data []byte, addressAt, sizeAt uint32) Status {
	if addressAt != 0 && sizeAt != 0 {
		return vm.give(data, addressAt, sizeAt)
	}
	if sizeAt != 0 {
		return vm.put32(sizeAt, uint32(len(data)))
	}
	if addressAt != 0 && len(data) == 0 {
		return vm.put32(addressAt, 0)
	}
	if addressAt != 0 {
		address, ok := vm.allocate(uint32(len(data)))
		return stored(ok && vm.memory.Write(address, data) && vm.memory.WriteUint32Le(addressAt, address))
	}
	return StatusOK
}

func (vm *VM) foreign(name string, args []byte) (result []byte, status Status, found bool) {
	if f := vm.proxy.Foreign[name]; f != nil {
		result, status = f(slices.Clone(args))
		return result, status, true
	}
	switch name {
	case "compress":
		return compress(args), StatusOK, true
	case "uncompress":
		result, status = vm.uncompress(args)
		return result, status, true
	case "clear_route_cache":
		return nil, vm.clearRouteCache(), true
	}
	return nil, StatusNotFound, false
}

// compress packs as zlib's compress does, to bytes of the same meaning.
func compress(data []byte) []byte {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, _ = w.Write(data) // into memory: neither fails
	_ = w.Close()
	return packed.Bytes()
}

func (vm *VM) uncompress(data []byte) ([]byte, Status) {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, StatusSerializationFailure
	}
	unpacked, err := io.ReadAll(io.LimitReader(r, int64(vm.limits.Output)+1))
	if err != nil {
		return nil, StatusSerializationFailure
	}
	if len(unpacked) > vm.limits.Output {
		panic(limitReached(LimitOutput))
	}
	return unpacked, StatusOK
}
