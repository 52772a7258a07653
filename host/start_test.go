// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// withStart returns a module whose start function is the first that it adds: of Module's sections, only the code follows it.
func withStart(body ...byte) []byte {
	wasm := wasmtest.Module(wasmtest.Function("start", ":", body...))
	r := &scanner{data: wasm[8:]}
	for at := 8; ; at = len(wasm) - len(r.data) {
		if id := r.byte(); id == sectionCode {
			return join(wasm[:at], []byte{8, 1, self}, wasm[at:])
		}
		r.sized()
	}
}

func TestStartFunction(t *testing.T) {
	start := func(wasm []byte) error {
		m, err := Compile(t.Context(), wasm, Interpreter)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Start(t.Context(), VMConfig{Limits: Limits{CallTime: 100 * time.Millisecond}})
		return err
	}
	if err := start(withStart()); err != nil {
		t.Errorf("an empty one: %v", err)
	}
	if err := start(withStart(0x03, 0x40, 0x0c, 0, 0x0b)); limitOf(err) != LimitTime {
		t.Errorf("a loop: %v", err)
	}
	if err := start(withStart(0x00)); err == nil || err.Error() != "the module's instantiation trapped: start function[3] failed: unreachable in $3" {
		t.Errorf("a trap: %v", err)
	}
	// Envoy 1.40.0 ends by a segmentation fault: it has neither a context nor the memory then.
	const want = "the module's instantiation trapped: start function[3] failed: host function proxy_log is not available at this point in env.proxy_log < $3"
	if err := start(withStart(join(i32(2), i32(0), i32(0), []byte{0x10, 0}, drop)...)); err == nil || err.Error() != want {
		t.Errorf("a call of proxy_log: %v", err)
	}
}

// What panics in Go code is no trap of the filter, wherever it is called from.
func TestMistakesOfTheHost(t *testing.T) {
	for name, foreign := range map[string]ForeignFunction{
		"an error of Go's runtime": func([]byte) ([]byte, Status) { var none []byte; return none[7:], StatusOK },
		"a text":                   func([]byte) ([]byte, Status) { panic("a mistake") },
		"an error":                 func([]byte) ([]byte, Status) { panic(errors.New("a mistake")) },
	} {
		g := newGuest(t, relay("0.2.1"), VMConfig{Proxy: Proxy{Foreign: map[string]ForeignFunction{"f": foreign}}})
		g.plugin(PluginConfig{})
		_, err := g.try("proxy_call_foreign_function", "f", "", result(0), result(1))
		internal, ok := errors.AsType[*InternalError](err)
		if !ok || internal.Callback != "call_proxy_call_foreign_function" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %T %v", name, err, err)
		}
	}
}

// Code that is not valid is found by the engine alone.
func TestInvalidCode(t *testing.T) {
	m, err := Compile(t.Context(), filter(onHeaders("response")), Interpreter)
	if err == nil || m != nil || !strings.HasPrefix(err.Error(), "compile the module: ") {
		t.Errorf("Compile = %v, %v", m, err)
	}
}

func TestCallbacks(t *testing.T) {
	m, err := Compile(t.Context(), filter(onHeaders("response", i32(0)), onBody("request", i32(0))), Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"proxy_on_request_body", "proxy_on_response_headers"}, m.Callbacks()); diff != "" {
		t.Error(diff)
	}
}

// VMs of one module run side by side.
func TestVMsSideBySide(t *testing.T) {
	m, err := Compile(t.Context(), filter(onHeaders("request", localResponse(403), i32(0)), onHeaders("response", i32(0))), Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := oneRequest(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func oneRequest(ctx context.Context, m *Module) error {
	vm, err := m.Start(ctx, VMConfig{})
	if err != nil {
		return err
	}
	p, err := vm.Plugin(ctx, PluginConfig{})
	if err != nil {
		return err
	}
	for range 20 {
		s, err := p.Stream(ctx, StreamConfig{})
		if err != nil {
			return err
		}
		if err := s.RequestHeaders(ctx, get, true); err != nil {
			return err
		}
		if err := s.Close(ctx); err != nil {
			return err
		}
	}
	return vm.Close(ctx)
}
