// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// function is a host function: its name, its parameters (i for i32, I for i64), and what it does. It answers a status, or
// for WASI an errno.
type function struct {
	name, params string
	call         func(*VM, arguments) Status
}

// group are functions that differ only in name, parameters and what they do.
type group struct {
	modules []string // from which they can be imported
	prefix  string
	abis    []string // that have them; none means all
	silent  bool     // they have no result
	all     []function
}

var (
	env   = []string{"env"}
	wasi  = []string{"wasi_unstable", "wasi_snapshot_preview1"}
	abi01 = []string{"0.1.0"}
	abi02 = []string{"0.2.0", "0.2.1"}
)

// groups are all functions that Envoy provides. A test compares them with those of package fetch/module.
func groups() []group {
	return []group{
		{modules: env, prefix: "proxy_", all: slices.Concat(generalFunctions, headerFunctions, bufferFunctions, sharedFunctions,
			metricFunctions, calloutFunctions)},
		{modules: env, prefix: "proxy_", abis: abi01, all: functionsOf01},
		{modules: env, prefix: "proxy_", abis: abi02, all: functionsOf02},
		{modules: env, prefix: "proxy_", abis: []string{"0.2.1"}, all: []function{{"get_log_level", "i", getLogLevel}}},
		{modules: env, all: []function{{"pthread_equal", "ii", pthreadEqual}}},
		{modules: env, silent: true, all: []function{{"emscripten_notify_memory_growth", "i", nothing}}},
		{modules: wasi, all: wasiFunctions},
		{modules: wasi, silent: true, all: []function{{"proc_exit", "i", nothing}}},
	}
}

// provide makes the host functions that an ABI has importable.
func provide(ctx context.Context, runtime wazero.Runtime, abi string) error {
	for _, name := range slices.Concat(env, wasi) {
		builder := runtime.NewHostModuleBuilder(name)
		for _, g := range groups() {
			if slices.Contains(g.modules, name) && (len(g.abis) == 0 || slices.Contains(g.abis, abi)) {
				g.addTo(builder)
			}
		}
		if _, err := builder.Instantiate(ctx); err != nil {
			return fmt.Errorf("make module %s: %w", name, err)
		}
	}
	return nil
}

func (g group) addTo(builder wazero.HostModuleBuilder) {
	var results []api.ValueType
	if !g.silent {
		results = []api.ValueType{api.ValueTypeI32}
	}
	for _, f := range g.all {
		name := g.prefix + f.name
		builder.NewFunctionBuilder().WithGoFunction(f.goFunction(name, g.silent), types(f.params), results).Export(name)
	}
}

// goFunction is what the engine calls. While a module is initialized or allocates, most functions trap, as in Envoy.
func (f function) goFunction(name string, silent bool) api.GoFunc {
	ofProxy := strings.HasPrefix(name, "proxy_")
	return func(ctx context.Context, stack []uint64) {
		vm := ctx.Value(vmKey{}).(*VM)
		if vm.allowed != nil && !vm.allowed[name] {
			panic(restricted(name))
		}
		if ofProxy && vm.current != nil && vm.current.stream != nil {
			vm.current.stream.attended = true
		}
		status := f.call(vm, stack)
		if !silent {
			stack[0] = uint64(status)
		}
	}
}

func types(letters string) []api.ValueType {
	var all []api.ValueType
	for _, letter := range letters {
		if letter == 'I' {
			all = append(all, api.ValueTypeI64)
		} else {
			all = append(all, api.ValueTypeI32)
		}
	}
	return all
}

// scope is that whose call it is, or the one that took its place by proxy_set_effective_context, while that exists.
func (vm *VM) scope() *scope {
	if vm.effective != nil && vm.scopes[vm.effective.id] != nil {
		return vm.effective
	}
	return vm.current
}

// duringInstantiation are the host functions that Envoy can run for a module's own start function. It has no context for that
// yet, nor the module's memory: at any other, such as proxy_log, Envoy 1.40 ends by a segmentation fault.
var duringInstantiation = toSet("emscripten_notify_memory_growth", "pthread_equal", "args_get", "sched_yield", "fd_advise",
	"fd_allocate", "fd_datasync", "fd_fdstat_set_flags", "fd_fdstat_set_rights", "fd_filestat_get", "fd_filestat_set_size",
	"fd_filestat_set_times", "fd_pread", "fd_prestat_dir_name", "fd_prestat_get", "fd_read", "fd_renumber", "fd_sync",
	"path_create_directory", "path_filestat_get", "path_filestat_set_times", "path_link", "path_open", "path_remove_directory",
	"path_rename", "path_symlink", "path_unlink_file", "sock_shutdown")

// duringStart are the host functions that Envoy offers while a module is initialized; see startVm in wasm.cc of
// proxy-wasm-cpp-host. WASI's are almost all of them.
var duringStart = func() map[string]bool {
	set := toSet("emscripten_notify_memory_growth", "proxy_log")
	for _, f := range wasiFunctions {
		set[f.name] = true
	}
	for _, name := range notDuringStart {
		delete(set, name)
	}
	return set
}()
