// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// wantClosed checks that what is used after its end says so.
func wantClosed(t *testing.T, uses map[string]func(context.Context) error) {
	t.Helper()
	for name, use := range uses {
		if err := use(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The callbacks of this filter trap, but for those of its end.
func trapping() []byte {
	return filter(onHeaders("request", i32(0)), onBody("request", trap), onHeaders("response", trap), wasmtest.Function("proxy_on_tick", "i:", trap...),
		wasmtest.Function("proxy_on_foreign_function", "iii:", trap...), wasmtest.Function("proxy_on_log", "i:", trap...))
}

// A plugin that was closed is not called any more, nor are its streams.
func TestUseOfAClosedPlugin(t *testing.T) {
	g := newGuest(t, trapping(), VMConfig{})
	p := g.plugin(PluginConfig{})
	s := g.stream(p, StreamConfig{})
	if err := errors.Join(s.RequestHeaders(t.Context(), get, false), p.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, map[string]func(context.Context) error{
		"Tick":            p.Tick,
		"ForeignEvent":    func(ctx context.Context) error { return p.ForeignEvent(ctx, 1, nil) },
		"Plugin.Stream":   func(ctx context.Context) error { _, err := p.Stream(ctx, StreamConfig{}); return err },
		"RequestBody":     func(ctx context.Context) error { return s.RequestBody(ctx, []byte("x"), true) },
		"ResponseHeaders": func(ctx context.Context) error { return s.ResponseHeaders(ctx, ok, true) },
	})
	wantClosed(t, map[string]func(context.Context) error{"Stream.Close": s.Close})
	if err := errors.Join(s.Close(t.Context()), p.Close(t.Context()), g.vm.Failed()); err != nil || len(g.vm.scopes) != 0 {
		t.Errorf("closed again: %v; %d contexts are left", err, len(g.vm.scopes))
	}
	if next := g.plugin(PluginConfig{}); next.scope.id == p.scope.id {
		t.Error("another plugin has the same id")
	}
}

// One whose end is pending goes on until it calls proxy_done, as in Envoy.
func TestUseOfAPendingPlugin(t *testing.T) {
	g := newGuest(t, filter(onHeaders("request", i32(0)), wasmtest.Function("proxy_on_done", "i:i", i32(0)...)), VMConfig{})
	p := g.plugin(PluginConfig{})
	s := g.stream(p, StreamConfig{})
	if err := errors.Join(p.Close(t.Context()), p.Tick(t.Context()), s.RequestHeaders(t.Context(), get, true), s.Close(t.Context())); err != nil || !p.Pending() {
		t.Errorf("%v, pending %t", err, p.Pending())
	}
}

// The module's code is gone with it, so that no VM of it can go on.
func TestUseOfAClosedModule(t *testing.T) {
	for engine, name := range map[Engine]string{Interpreter: "the interpreter", Compiler: "the compiler"} {
		m, err := Compile(t.Context(), trapping(), engine)
		if err != nil {
			t.Fatal(err)
		}
		g := startGuest(t, m, VMConfig{})
		p := g.plugin(PluginConfig{})
		s := g.stream(p, StreamConfig{})
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		wantClosed(t, map[string]func(context.Context) error{
			"Module.Start":   func(ctx context.Context) error { _, err := m.Start(ctx, VMConfig{}); return err },
			"Tick":           p.Tick,
			"RequestHeaders": func(ctx context.Context) error { return s.RequestHeaders(ctx, get, true) },
			"VM.Plugin":      func(ctx context.Context) error { _, err := g.vm.Plugin(ctx, PluginConfig{}); return err },
			"VM.Failed":      func(context.Context) error { return g.vm.Failed() },
		})
		if err := errors.Join(g.vm.Close(t.Context()), m.Close(t.Context())); err != nil {
			t.Errorf("%s: closed later: %v", name, err)
		}
	}
}
