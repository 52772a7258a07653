// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// VMConfig is how a virtual machine is made. The zero value is a machine without an id, configuration and environment.
type VMConfig struct {
	// ID is the vm_id. Shared data and queues belong to it.
	ID string
	// Configuration is what proxy_on_vm_start gets.
	Configuration []byte
	// Env are the environment variables, each a name and a value, in this order.
	Env [][2]string
	// Limits bound what the filter may use.
	Limits Limits
	// Proxy is what the filter finds around it.
	Proxy Proxy
}

// Proxy is what a filter finds around it. A field that is zero has the default that it names. A function that panics while the
// filter calls it ends that call, and the VM, with an *InternalError.
type Proxy struct {
	// Log gets each line of the filter's log as it is written. It must not call the VM.
	Log func(Line)
	// LogLevel is what proxy_get_log_level answers.
	LogLevel LogLevel
	// Now is the clock; time.Now.
	Now func() time.Time
	// Random is the source of random numbers; that of crypto/rand.
	Random io.Reader
	// HasCluster reports whether there is a cluster for call-outs; there is any.
	HasCluster func(name string) bool
	// Foreign are foreign functions, beside those that this host has of Envoy's own: compress, uncompress and
	// clear_route_cache.
	Foreign map[string]ForeignFunction
	// Attributes are those of the proxy itself, such as xds.node. They are merged below those of a stream.
	Attributes Attributes
	// Shared is the data and queues that filters share; that of this VM alone.
	Shared *Shared
}

// Line is a line that a filter wrote to its log, by proxy_log or to its standard output or error.
type Line struct {
	Level   LogLevel
	Message string
	// Partial says that it was written to the standard output or error without a line end: what is written there next goes on
	// with it. Envoy logs each such part as a line.
	Partial bool
}

// VM is a virtual machine that runs a module, as Envoy has one in each of its workers. Its methods, and those of what
// comes from it, are for one goroutine at a time.
type VM struct {
	module   *Module
	config   VMConfig
	limits   Limits
	proxy    Proxy
	instance api.Module
	memory   api.Memory

	caller        context.Context // of the present call of the caller
	ctx           context.Context // the same with the limit of time
	failed        error
	closed        bool
	growthRefused bool
	spent, held   int             // bytes, see Limits
	allowed       map[string]bool // host functions that can be called; all if nil
	current       *scope          // whose call it is
	effective     *scope          // whose place it takes
	stopIteration bool
	deferred      []func() error
	scopes        map[uint32]*scope
	nextID        uint32
	started       time.Time

	metrics    metrics
	calls      callouts
	unmodelled []Unmodelled
	usedNames  bool
	usedRootID bool
}

type vmKey struct{}

// Start makes a virtual machine and initializes the module in it: its start function, then _initialize and main, or
// _start. The error is a *TrapError, *LimitError, *InternalError or *UnsupportedError.
func (m *Module) Start(ctx context.Context, config VMConfig) (*VM, error) {
	if m.closed.Load() {
		return nil, errModuleClosed
	}
	vm := &VM{
		module: m, config: config, limits: config.Limits.withDefaults(), proxy: config.Proxy.withDefaults(),
		scopes: map[uint32]*scope{}, nextID: 1,
	}
	vm.started = vm.proxy.Now().Add(-time.Hour) // a monotonic clock that is 0 has a Go program end
	vm.metrics.init()
	vm.calls.init()
	if err := vm.checkMemory(); err != nil {
		return nil, err
	}
	if err := vm.instantiate(ctx); err != nil {
		return nil, err
	}
	if err := vm.initialize(ctx); err != nil {
		_ = vm.instance.Close(ctx)
		return nil, err
	}
	vm.proxy.Shared.join(vm)
	return vm, nil
}

// withDefaults fills the fields that are zero.
func (p Proxy) withDefaults() Proxy {
	if p.Log == nil {
		p.Log = func(Line) {}
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Random == nil {
		p.Random = rand.Reader
	}
	if p.HasCluster == nil {
		p.HasCluster = func(string) bool { return true }
	}
	if p.Shared == nil {
		p.Shared = NewShared()
	}
	return p
}

// instantiation stands for the export that is called, in errors of a module's own start function.
const instantiation = "the module's instantiation"

// instantiate makes the instance, and runs its start function if there is one.
func (vm *VM) instantiate(ctx context.Context) error {
	limited, cancel := context.WithTimeout(context.WithValue(withMemory(ctx, vm), vmKey{}, vm), vm.limits.CallTime)
	defer cancel()
	vm.ctx, vm.allowed, vm.current = limited, duringInstantiation, &scope{vm: vm}
	defer func() { vm.allowed, vm.current = nil, nil }()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	instance, err := vm.module.runtime.InstantiateModule(limited, vm.module.compiled, config)
	if err != nil {
		return vm.fail(ctx, instantiation, err)
	}
	vm.instance, vm.memory = instance, instance.Memory()
	if vm.memory == nil {
		return &UnsupportedError{"a module whose memory is not its first"}
	}
	return nil
}

// initialize calls what initializes a module, as proxy-wasm-cpp-host's startVm does.
func (vm *VM) initialize(ctx context.Context) error {
	vm.allowed = duringStart
	defer func() { vm.allowed = nil }()
	root := &scope{vm: vm}
	if vm.has("_initialize") {
		if _, err := vm.call(ctx, root, "_initialize"); err != nil {
			return err
		}
		if vm.has("main") {
			_, err := vm.call(ctx, root, "main", 0, 0)
			return err
		}
		_, err := vm.callIfAny(ctx, root, "__main_void")
		return err
	}
	_, err := vm.callIfAny(ctx, root, "_start")
	return err
}

// has reports whether the module exports a function.
func (vm *VM) has(name string) bool { return vm.module.compiled.ExportedFunctions()[name] != nil }

// Failed returns the error that ended the virtual machine, nil while it runs.
func (vm *VM) Failed() error {
	if vm.failed == nil && vm.module.closed.Load() {
		vm.failed = errModuleClosed
	}
	return vm.failed
}

// UsedNames reports whether filters used the names that tell them from others of the same module: plugin_name and
// plugin_vm_id, or a queue by the id of a VM. Otherwise what they do is the same under other names.
func (vm *VM) UsedNames() bool { return vm.usedNames }

// UsedRootID reports whether filters read plugin_root_id, by which a module chooses among its filters.
func (vm *VM) UsedRootID() bool { return vm.usedRootID }

// MemorySize returns the size of the linear memory in bytes.
func (vm *VM) MemorySize() uint32 { return vm.memory.Size() }

// Close ends the virtual machine without calling the filter. What it shared goes with the last of its id.
func (vm *VM) Close(ctx context.Context) error {
	if !vm.closed {
		vm.closed = true
		vm.proxy.Shared.leave(vm)
	}
	if vm.failed == nil {
		vm.failed = ErrClosed
	}
	return vm.instance.Close(ctx)
}
