// SPDX-License-Identifier: Apache-2.0

package host

import "slices"

var bufferFunctions = []function{
	{"get_buffer_status", "iii", getBufferStatus},
	{"get_buffer_bytes", "iiiii", getBufferBytes},
	{"set_buffer_bytes", "iiiii", setBufferBytes},
}

// buffer returns what a filter reads as a buffer, and whether it can change it; see getBuffer in context.cc of Envoy. The
// status is not StatusOK where there is none of that number, or none at present. A body that is not there is an empty
// buffer.
func (vm *VM) buffer(of uint32) (data *[]byte, body bool, status Status) {
	if of >= bufferTypes {
		return nil, false, StatusBadArgument
	}
	if data, body = vm.bufferOf(of); data == nil {
		return nil, false, StatusNotFound
	}
	return data, body, StatusOK
}

// bufferOf returns nil where there is no such buffer at present.
func (vm *VM) bufferOf(of uint32) (data *[]byte, body bool) {
	s := vm.scope()
	switch of {
	case bufferVMConfiguration:
		return &vm.config.Configuration, false
	case bufferPluginConfiguration:
		if s.plugin != nil && s.plugin.configuring {
			return &s.plugin.config.Configuration, false
		}
		return nil, false
	case bufferCallBody:
		return vm.calls.body, false
	case bufferRequestBody, bufferResponseBody:
		if s.stream == nil {
			return &[]byte{}, false
		}
		d := &s.stream.request
		if of == bufferResponseBody {
			d = &s.stream.response
		}
		if data := d.body(); data != nil {
			return data, true
		}
		return &[]byte{}, false
	case bufferGRPCMessage:
		if vm.calls.message != nil {
			return vm.calls.message, false
		}
	case bufferCallData:
		return &vm.calls.data, false
	}
	return &[]byte{}, false // of connections, and a message that is not there
}

func getBufferStatus(vm *VM, a arguments) Status {
	data, _, status := vm.buffer(a.u32(0))
	if status != StatusOK {
		return status
	}
	vm.readsBody(a.u32(0), len(*data) > 0)
	if status := vm.put32(a.u32(1), uint32(len(*data))); status != StatusOK {
		return status
	}
	return vm.put32(a.u32(2), 0)
}

func getBufferBytes(vm *VM, a arguments) Status {
	data, _, status := vm.buffer(a.u32(0))
	if status != StatusOK {
		return status
	}
	vm.readsBody(a.u32(0), len(*data) > 0)
	size := uint64(len(*data))
	start := min(uint64(a.u32(1)), size)
	end := min(start+uint64(a.u32(2)), size)
	return vm.give((*data)[start:end], a.u32(3), a.u32(4))
}

// setBufferBytes changes a body. As in Envoy's copyFrom a beginning of it can be replaced, of no bytes too, which prepends, or it
// can be appended to, and nothing else.
func setBufferBytes(vm *VM, a arguments) Status {
	data, body, status := vm.buffer(a.u32(0))
	if status != StatusOK {
		return status
	}
	view, ok := vm.read(a, 3)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	if !body {
		return StatusBadArgument
	}
	start, length, size := uint64(a.u32(1)), uint64(a.u32(2)), uint64(len(*data))
	switch {
	case start == 0:
		rest := (*data)[min(length, size):]
		vm.spend(len(view) + len(rest))
		*data = slices.Concat(view, rest)
	case start >= size:
		vm.spend(len(view))
		*data = append(*data, view...)
	default:
		return StatusBadArgument
	}
	return StatusOK
}
