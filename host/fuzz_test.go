// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// seeds are modules that work, and that do not.
func seeds(f *testing.F) [][]byte {
	f.Helper()
	all := [][]byte{
		wasmtest.Module(), wasmtest.NoABI(), wasmtest.Truncated(), wasmtest.NotWasm(), wasmtest.Module(wasmtest.TrapOnHeaders(1)),
		wasmtest.Module(wasmtest.Table(3)), wasmtest.Module(branching),
		filter(onHeaders("request", localResponse(403), i32(0))),
		filter(onHeaders("request", i32(1)), onBody("request", i32(1)), onTrailers("request", i32(1)), onTick(streamRequest)),
		filter(onBody("response", callOf(fnSetBuffer, 0, 0, 0, 0, 4), drop, i32(0)), onHeaders("response", callOf(fnSetHeader, 2, 0, 1, 0, 1), drop, i32(0))),
		relay("0.1.0"), relay("0.2.1"),
	}
	for _, path := range []string{
		"../examples/add-header-assemblyscript/add-header.wasm", "../examples/add-header-rust/add-header.wasm", "testdata/cpp/wasi.wasm",
		"testdata/cpp/emscripten.wasm",
	} {
		real, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, real, real[:len(real)/2])
	}
	return all
}

// FuzzModule runs any module through a whole life: no panic, no hang, nothing is left, and each failure is one of the kinds
// that callers know.
func FuzzModule(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed, []byte("config"))
	}
	var l lives
	f.Fuzz(func(t *testing.T, wasm, config []byte) {
		defer l.begin(t)()
		checkFailure(t, live(t.Context(), wasm, config))
	})
}

// checkFailure insists on an error of a kind that callers know, for what came after the module was compiled.
func checkFailure(t *testing.T, err error) {
	t.Helper()
	known := err == nil || errors.As(err, new(*TrapError)) || errors.As(err, new(*LimitError)) || errors.As(err, new(*RefusedError)) ||
		errors.As(err, new(*UnsupportedError)) || errors.Is(err, errNotCompiled)
	if !known || err != nil && err.Error() == "" {
		t.Errorf("an error of no known kind: %#v", err)
	}
}

var errNotCompiled = errors.New("not compiled")

// live compiles, starts, configures and uses a module.
func live(ctx context.Context, wasm, config []byte) error {
	m, err := Compile(ctx, wasm, Interpreter)
	if err != nil {
		return errors.Join(errNotCompiled, err)
	}
	defer func() { _ = m.Close(ctx) }()
	limits := Limits{Memory: 16 << 20, CallTime: 100 * time.Millisecond, Output: 1 << 20, Held: 1 << 20, Buffer: 1 << 10}
	vm, err := m.Start(ctx, VMConfig{ID: "vm", Configuration: config, Env: [][2]string{{"A", "b"}}, Limits: limits})
	if err != nil {
		return err
	}
	defer func() { _ = vm.Close(ctx) }()
	p, err := vm.Plugin(ctx, PluginConfig{Name: "n", RootID: "r", Configuration: config})
	if err != nil {
		return err
	}
	s, err := p.Stream(ctx, StreamConfig{})
	if err != nil {
		return err
	}
	return use(ctx, vm, p, s)
}

// use takes a stream through all that can happen to it.
func use(ctx context.Context, vm *VM, p *Plugin, s *Stream) error {
	answer := func() error { return answerFirst(ctx, vm) }
	for _, next := range []func() error{
		func() error { return s.RequestHeaders(ctx, get, false) },
		func() error { return s.RequestBody(ctx, []byte("body"), false) },
		answer,
		func() error { return p.Tick(ctx) },
		func() error { return s.RequestTrailers(ctx, trailers) },
		func() error { return p.Tick(ctx) },
		func() error { return s.ResponseHeaders(ctx, ok, false) },
		func() error { return s.ResponseBody(ctx, make([]byte, 2000), true) },
		func() error { return p.ForeignEvent(ctx, 1, []byte("data")) },
		func() error { return p.Tick(ctx) },
		answer,
		func() error { return s.Close(ctx) },
		func() error { return p.Close(ctx) },
	} {
		if err := next(); err != nil {
			return err
		}
	}
	return nil
}

// answerFirst answers the first call-out that is open.
func answerFirst(ctx context.Context, vm *VM) error {
	open := vm.Callouts()
	if len(open) == 0 {
		return nil
	}
	c := open[0]
	if c.Kind == HTTPCall {
		return c.Answer(ctx, CalloutResponse{Headers: ok, Body: []byte("x"), Trailers: trailers})
	}
	for _, event := range []func() error{
		func() error { return c.ReceiveInitialMetadata(ctx, ok) },
		func() error { return c.Receive(ctx, []byte("x")) },
		func() error { return c.ReceiveTrailingMetadata(ctx, trailers) },
		func() error { return c.Close(ctx, 0, "") },
	} {
		if vm.calls.open[c.Token] != c { // the filter ended it, or its answer did
			return nil
		}
		if err := event(); err != nil {
			return err
		}
	}
	return nil
}

// FuzzHostFunctions calls each host function with any arguments.
func FuzzHostFunctions(f *testing.F) {
	wasm := relay("0.2.1")
	m, err := Compile(f.Context(), wasm, Interpreter)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = m.Close(context.Background()) })
	callbacks := m.compiled.ExportedFunctions()
	var names []string
	for _, g := range groups() {
		for _, function := range g.all {
			if callbacks["call_"+g.prefix+function.name] != nil {
				names = append(names, "call_"+g.prefix+function.name)
			}
		}
	}
	f.Add(uint8(3), []byte("\x02\x00\x00\x00\x01\x00\x00\x00"), uint32(0), uint32(1), uint32(2), uint32(8))
	for n := range names {
		f.Add(uint8(n), encodePairs([][2]string{{":method", "GET"}, {":path", "/"}, {"host", "h"}}), uint32(0), uint32(argumentsAt), uint32(60), uint32(resultsAt))
	}
	var l lives
	f.Fuzz(func(t *testing.T, n uint8, memory []byte, a, b, c, d uint32) {
		defer l.begin(t)()
		limits := Limits{Memory: 4 << 20, CallTime: time.Second, Output: 1 << 20, Held: 1 << 20}
		vm, err := m.Start(t.Context(), VMConfig{Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vm.Close(context.WithoutCancel(t.Context())) }()
		p, _ := vm.Plugin(t.Context(), PluginConfig{})
		s, _ := p.Stream(t.Context(), StreamConfig{})
		_ = s.RequestHeaders(t.Context(), get, false)
		_ = vm.memory.Write(argumentsAt, memory)
		name := names[int(n)%len(names)]
		args := []uint64{uint64(a), uint64(b), uint64(c), uint64(d)}
		params := callbacks[name].ParamTypes()
		for len(args) < len(params) {
			args = append(args, args[len(args)-4])
		}
		_, err = vm.call(t.Context(), s.scope, name, args[:len(params)]...)
		checkFailure(t, err)
		checkFailure(t, s.Close(t.Context()))
	})
}
