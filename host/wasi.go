// SPDX-License-Identifier: Apache-2.0

package host

import (
	"io"
	"strings"
)

// The answers of WASI that Envoy gives.
const (
	wasiBadFD       Status = 8
	wasiFault       Status = 21
	wasiInvalid     Status = 28
	wasiNoEntry     Status = 44
	wasiNoSystem    Status = 52
	wasiNoDirectory Status = 20
	wasiUnsupported Status = 58
)

// Standard output and error.
const (
	stdout = 1
	stderr = 2
)

// maxRandom is how many random bytes a call gets at most.
const maxRandom = 64 << 10

// wasiFunctions follow wasi_unstable_* in exports.cc of proxy-wasm-cpp-host: there is standard output and error, which are
// the filter's log, the environment, two clocks and random numbers. All else fails, or has no effect.
var wasiFunctions = []function{
	{"args_get", "ii", nothing},
	{"args_sizes_get", "ii", func(vm *VM, a arguments) Status { return errno(vm.put32(a.u32(0), 0), vm.put32(a.u32(1), 0)) }},
	{"environ_get", "ii", environGet},
	{"environ_sizes_get", "ii", environSizesGet},
	{"clock_time_get", "iIi", clockTimeGet},
	{"clock_res_get", "ii", clockResGet},
	{"random_get", "ii", randomGet},
	{"sched_yield", "", nothing},
	{"poll_oneoff", "iiii", func(vm *VM, a arguments) Status { return errno(vm.put32(a.u32(3), 0)) }},
	{"fd_write", "iiii", func(vm *VM, a arguments) Status { return vm.fdWrite(a, a.u32(3)) }},
	{"fd_pwrite", "iiiIi", func(vm *VM, a arguments) Status { return vm.fdWrite(a, a.u32(4)) }},
	{"fd_fdstat_get", "ii", fdStatGet},
	{"fd_fdstat_set_flags", "ii", answer(wasiNoSystem)},
	{"fd_fdstat_set_rights", "iII", ofOutput},
	{"fd_advise", "iIIi", nothing},
	{"fd_allocate", "iII", ofOutput},
	{"fd_close", "i", nothing},
	{"fd_datasync", "i", ofOutput},
	{"fd_filestat_get", "ii", answer(wasiBadFD)},
	{"fd_filestat_set_size", "iI", ofOutput},
	{"fd_filestat_set_times", "iIIi", ofOutput},
	{"fd_pread", "iiiIi", answer(wasiNoSystem)},
	{"fd_prestat_get", "ii", answer(wasiBadFD)},
	{"fd_prestat_dir_name", "iii", answer(wasiNoSystem)},
	{"fd_read", "iiii", answer(wasiNoSystem)},
	{"fd_readdir", "iiiIi", emptyAt(4, wasiNoDirectory)},
	{"fd_renumber", "ii", fdRenumber},
	{"fd_seek", "iIii", nothing},
	{"fd_sync", "i", ofOutput},
	{"fd_tell", "ii", fdTell},
	{"path_create_directory", "iii", answer(wasiUnsupported)},
	{"path_filestat_get", "iiiii", answer(wasiUnsupported)},
	{"path_filestat_set_times", "iiiiIIi", answer(wasiUnsupported)},
	{"path_link", "iiiiii", answer(wasiUnsupported)},
	{"path_open", "iiiiiIIii", answer(wasiNoEntry)},
	{"path_readlink", "iiiiii", emptyAt(5, wasiUnsupported)},
	{"path_remove_directory", "iii", answer(wasiUnsupported)},
	{"path_rename", "iiiiii", answer(wasiUnsupported)},
	{"path_symlink", "iiii", answer(wasiUnsupported)},
	{"path_unlink_file", "iii", answer(wasiUnsupported)},
	{"sock_accept", "iii", sockAccept},
	{"sock_recv", "iiiiii", sockRecv},
	{"sock_send", "iiiii", emptyAt(4, wasiUnsupported)},
	{"sock_shutdown", "ii", answer(wasiUnsupported)},
}

// notDuringStart are the functions of WASI that Envoy does not offer while a module is initialized.
var notDuringStart = []string{"fd_close", "fd_read", "fd_seek", "path_open", "proc_exit", "sched_yield"}

// errno makes an answer of WASI of whether all could be written.
func errno(stored ...Status) Status {
	for _, status := range stored {
		if status != StatusOK {
			return wasiFault
		}
	}
	return StatusOK
}

// answer makes a function that answers the same always.
func answer(status Status) func(*VM, arguments) Status {
	return func(*VM, arguments) Status { return status }
}

// emptyAt makes a function that writes 0 at the address in an argument, and answers a status.
func emptyAt(argument int, status Status) func(*VM, arguments) Status {
	return func(vm *VM, a arguments) Status {
		if vm.put32(a.u32(argument), 0) != StatusOK {
			return wasiFault
		}
		return status
	}
}

func isOutput(fd uint32) bool { return fd == stdout || fd == stderr }

// ofOutput succeeds for standard output and error, without an effect.
func ofOutput(_ *VM, a arguments) Status {
	if !isOutput(a.u32(0)) {
		return wasiBadFD
	}
	return StatusOK
}

// fdWrite writes to the log: standard output at info, standard error at error, one line for each call.
func (vm *VM) fdWrite(a arguments, writtenAt uint32) Status {
	level := LevelInfo
	if a.u32(0) == stderr {
		level = LevelError
	}
	if !isOutput(a.u32(0)) {
		return wasiBadFD
	}
	var text []byte
	for i := range uint64(a.u32(2)) {
		at := uint64(a.u32(1)) + i*8
		address, ok := vm.memory.ReadUint32Le(uint32(at))
		size, okSize := vm.memory.ReadUint32Le(uint32(at + 4))
		if at > 1<<32-8 || !ok || !okSize {
			return wasiFault
		}
		part, ok := vm.memory.Read(address, size)
		if size > 0 && !ok {
			return wasiFault
		}
		vm.spend(len(part) + 1)
		text = append(text, part...)
	}
	if len(text) > 0 {
		line, ended := strings.CutSuffix(string(text), "\n")
		vm.log(Line{Level: level, Message: line, Partial: !ended})
	}
	return errno(vm.put32(writtenAt, uint32(len(text))))
}

func environGet(vm *VM, a arguments) Status {
	at, text := a.u32(0), a.u32(1)
	for _, variable := range vm.config.Env {
		entry := variable[0] + "=" + variable[1] + "\x00"
		if vm.put32(at, text) != StatusOK || !vm.memory.WriteString(text, entry) {
			return wasiFault
		}
		at, text = at+4, text+uint32(len(entry))
	}
	return StatusOK
}

func environSizesGet(vm *VM, a arguments) Status {
	size := 0
	for _, variable := range vm.config.Env {
		size += len(variable[0]) + len(variable[1]) + 2
	}
	return errno(vm.put32(a.u32(0), uint32(len(vm.config.Env))), vm.put32(a.u32(1), uint32(size)))
}

// clockTimeGet has a wall clock and a monotonic one.
func clockTimeGet(vm *VM, a arguments) Status {
	now := vm.proxy.Now()
	switch a.u32(0) {
	case 0:
		return errno(vm.put64(a.u32(2), uint64(now.UnixNano())))
	case 1:
		return errno(vm.put64(a.u32(2), uint64(now.Sub(vm.started))))
	}
	return wasiUnsupported
}

func clockResGet(vm *VM, a arguments) Status {
	if a.u32(0) > 1 {
		return wasiUnsupported
	}
	return errno(vm.put64(a.u32(1), 1))
}

func randomGet(vm *VM, a arguments) Status {
	if a.u32(1) > maxRandom {
		return wasiInvalid
	}
	buffer, ok := vm.read(a, 0)
	if a.u32(1) > 0 && !ok {
		return wasiFault
	}
	if _, err := io.ReadFull(vm.proxy.Random, buffer); err != nil {
		return wasiNoSystem
	}
	return StatusOK
}

// fdStatGet writes that standard output and error can be written to.
func fdStatGet(vm *VM, a arguments) Status {
	if !isOutput(a.u32(0)) {
		return wasiBadFD
	}
	const rights = 64
	at := a.u32(1)
	_ = vm.memory.WriteUint64Le(at, 0) && vm.memory.WriteUint64Le(at+8, rights) && vm.memory.WriteUint64Le(at+16, 0)
	return StatusOK
}

func fdRenumber(_ *VM, a arguments) Status {
	if !isOutput(a.u32(0)) || !isOutput(a.u32(1)) {
		return wasiBadFD
	}
	return wasiUnsupported
}

func fdTell(vm *VM, a arguments) Status {
	if !isOutput(a.u32(0)) {
		return wasiBadFD
	}
	return errno(vm.put64(a.u32(1), 0))
}

func sockAccept(vm *VM, a arguments) Status {
	if vm.put64(a.u32(2), 0) != StatusOK {
		return wasiFault
	}
	return wasiUnsupported
}

func sockRecv(vm *VM, a arguments) Status {
	if vm.put32(a.u32(4), 0) != StatusOK || !vm.memory.WriteUint16Le(a.u32(5), 0) {
		return wasiFault
	}
	return wasiUnsupported
}
