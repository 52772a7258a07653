// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// PluginConfig is how a filter is configured.
type PluginConfig struct {
	// Name of the plugin, which the attribute plugin_name has.
	Name string
	// RootID chooses among the filters of a module.
	RootID string
	// Configuration is what proxy_on_configure gets.
	Configuration []byte
	// AllowStopIteration has a filter's answer StopIteration to headers mean just that, as Envoy's field
	// allow_on_headers_stop_iteration does. Else it stops the body too.
	AllowStopIteration bool
}

// Plugin is a configured filter in a VM: a root context.
type Plugin struct {
	vm     *VM
	config PluginConfig
	scope  *scope

	tickPeriod time.Duration
	// configuring is true while the filter is created and configured: only then can it read its configuration.
	configuring bool
	pendingDone bool
	closed      bool
}

// scope is what proxy-wasm-cpp-host calls a context: that of a stream, of a plugin (a root), or of the VM (id 0).
type scope struct {
	vm     *VM
	id     uint32
	plugin *Plugin
	stream *Stream // nil unless it is that of a stream
}

// newScope makes a scope with the next free id.
func (vm *VM) newScope(p *Plugin, s *Stream) *scope {
	c := &scope{vm: vm, id: vm.nextID, plugin: p, stream: s}
	vm.nextID++
	vm.scopes[c.id] = c
	return c
}

// Plugin creates and configures a filter as Envoy does: proxy_on_context_create, proxy_on_vm_start and
// proxy_on_configure. The error is a *RefusedError if one of the last two returned false, and a *LimitError if it did so after
// it had asked for more memory than the limit.
func (vm *VM) Plugin(ctx context.Context, config PluginConfig) (*Plugin, error) {
	p := &Plugin{vm: vm, config: config}
	p.scope = vm.newScope(p, nil)
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	if err := p.configure(ctx); err != nil {
		return nil, err
	}
	return p, vm.Dispatch(ctx)
}

// start follows onStart in context.cc of proxy-wasm-cpp-host.
func (p *Plugin) start(ctx context.Context) error {
	vm := p.vm
	p.configuring = true
	_, err := vm.callIfAny(ctx, p.scope, "proxy_on_context_create", uint64(p.scope.id), 0)
	p.configuring = false
	if err != nil || !vm.has("proxy_on_vm_start") {
		return err
	}
	return p.confirm(ctx, "proxy_on_vm_start", len(vm.config.Configuration))
}

// configure follows onConfigure in context.cc of proxy-wasm-cpp-host.
func (p *Plugin) configure(ctx context.Context) error {
	if !p.vm.has("proxy_on_configure") {
		return nil
	}
	p.configuring = true
	defer func() { p.configuring = false }()
	return p.confirm(ctx, "proxy_on_configure", len(p.config.Configuration))
}

// confirm calls a callback that answers whether the filter can run.
func (p *Plugin) confirm(ctx context.Context, callback string, size int) error {
	ok, err := p.vm.call(ctx, p.scope, callback, uint64(p.scope.id), uint64(uint32(size)))
	switch {
	case err != nil || ok != 0:
		return err
	case p.vm.growthRefused: // it may answer true where there is more
		return &LimitError{Callback: callback, Limit: LimitMemory}
	}
	return &RefusedError{callback}
}

// TickPeriod is how often the filter wants [Plugin.Tick] to be called; never if 0.
func (p *Plugin) TickPeriod() time.Duration { return p.tickPeriod }

// Tick calls proxy_on_tick.
func (p *Plugin) Tick(ctx context.Context) error { return p.event(ctx, "proxy_on_tick") }

// ForeignEvent calls proxy_on_foreign_function, which ABI 0.1.0 does not have. The filter can read data as the buffer of
// call data.
func (p *Plugin) ForeignEvent(ctx context.Context, function uint32, data []byte) error {
	if p.vm.module.ABI() == "0.1.0" {
		return p.ended()
	}
	p.vm.calls.data = data
	defer func() { p.vm.calls.data = nil }()
	return p.event(ctx, "proxy_on_foreign_function", uint64(function), uint64(uint32(len(data))))
}

// event calls a callback of the root context that has no answer.
func (p *Plugin) event(ctx context.Context, callback string, args ...uint64) error {
	if err := p.ended(); err != nil {
		return fmt.Errorf("call %s: %w", callback, err)
	}
	if _, err := p.vm.callIfAny(ctx, p.scope, callback, append([]uint64{uint64(p.scope.id)}, args...)...); err != nil {
		return err
	}
	return p.vm.Dispatch(ctx)
}

// Close ends the filter: proxy_on_done, and unless that returns false, proxy_on_delete. If it returns false, the filter
// ends once it calls proxy_done. Pending reports that. Its streams are to be closed before: Envoy keeps a filter until then.
func (p *Plugin) Close(ctx context.Context) error {
	if p.closed || p.pendingDone {
		return nil
	}
	if p.vm.has("proxy_on_done") {
		done, err := p.vm.call(ctx, p.scope, "proxy_on_done", uint64(p.scope.id))
		if err != nil {
			return err
		}
		if done == 0 {
			p.pendingDone = true
			return nil
		}
	}
	return p.delete(ctx)
}

// ended returns an error once the filter has ended. Until then one whose end is pending can go on.
func (p *Plugin) ended() error {
	if p.closed {
		return fmt.Errorf("the plugin: %w", ErrClosed)
	}
	return nil
}

// Pending reports whether the filter was closed and has not called proxy_done yet.
func (p *Plugin) Pending() bool { return p.pendingDone }

func (p *Plugin) delete(ctx context.Context) error {
	p.closed, p.pendingDone = true, false
	_, err := p.vm.callIfAny(ctx, p.scope, "proxy_on_delete", uint64(p.scope.id))
	maps.DeleteFunc(p.vm.scopes, func(_ uint32, s *scope) bool { return s.plugin == p })
	return err
}

// done is what proxy_done does: it ends a filter whose end was pending.
func (vm *VM) done(s *scope) Status {
	p := s.plugin
	if p == nil || !p.pendingDone {
		return StatusNotFound
	}
	p.pendingDone = false
	vm.afterCall(func() error { return p.delete(vm.caller) })
	return StatusOK
}

// root returns the scope of the plugin of a stream, and else the scope itself.
func (s *scope) root() *scope {
	if s.stream != nil {
		return s.plugin.scope
	}
	return s
}
