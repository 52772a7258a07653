// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// self is the index of the first function that a module of these tests adds: behind proxy_log, the marker and malloc.
const self = 3

// Modules that use without bound what a module can use, and how each ends.
func TestLimits(t *testing.T) {
	onTick := func(code ...byte) wasmtest.Option { return wasmtest.Function("proxy_on_tick", "i:", code...) }
	for name, tt := range map[string]struct {
		options []wasmtest.Option
		want    Limit
	}{
		"a loop":                {[]wasmtest.Option{onTick(0x03, 0x40, 0x0c, 0, 0x0b)}, LimitTime},
		"a loop of host calls":  {[]wasmtest.Option{onTick(0x03, 0x40, 0x41, 9, 0x41, 0, 0x41, 0, 0x10, 0, 0x1a, 0x0c, 0, 0x0b)}, LimitTime},
		"a loop of tail calls":  {[]wasmtest.Option{onTick(0x20, 0, 0x12, self)}, LimitTime},
		"recursion":             {[]wasmtest.Option{onTick(0x20, 0, 0x10, self)}, LimitDepth},
		"recursion in branches": {[]wasmtest.Option{branching, onTick(0x41, 60, 0x10, self)}, LimitTime},
		// loop: memory.grow by 16 pages until that fails, then unreachable
		"growth":        {[]wasmtest.Option{onTick(0x03, 0x40, 0x41, 16, 0x40, 0, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, 0x00)}, LimitMemory},
		"log":           {[]wasmtest.Option{onTick(0x03, 0x40, 0x41, 2, 0x41, 0, 0x41, 0x80, 0x80, 4, 0x10, 0, 0x1a, 0x0c, 0, 0x0b)}, LimitOutput},
		"empty lines":   {[]wasmtest.Option{onTick(0x03, 0x40, 0x41, 2, 0x41, 0, 0x41, 0, 0x10, 0, 0x1a, 0x0c, 0, 0x0b)}, LimitOutput},
		"a table":       {[]wasmtest.Option{wasmtest.Table(0), onTick(0x03, 0x40, 0xd0, 0x70, 0x41, 0x80, 0x80, 4, 0xfc, 15, 0, 0x1a, 0x0c, 0, 0x0b)}, LimitTime},
		"shared queues": {append(queues, onTick(enqueues...)), LimitHeld},
	} {
		t.Run(name, func(t *testing.T) {
			limits := Limits{Memory: 4 << 20, CallTime: time.Minute, Output: 1 << 20, Held: 1 << 20}
			if tt.want == LimitTime {
				limits.CallTime = 100 * time.Millisecond
			}
			g := newGuest(t, wasmtest.Module(tt.options...), VMConfig{Limits: limits})
			err := g.plugin(PluginConfig{}).Tick(t.Context())
			if got := limitOf(err); got != tt.want {
				t.Errorf("Tick = %v, want the limit of %s", err, tt.want)
			}
		})
	}
}

// branching calls itself twice, to the depth of its argument. Without a loop.
var branching = wasmtest.Function("branch", "i:", 0x20, 0, 0x04, 0x40,
	0x20, 0, 0x41, 1, 0x6b, 0x10, self, 0x20, 0, 0x41, 1, 0x6b, 0x10, self, 0x0b)

var queues = []wasmtest.Option{
	wasmtest.Import("env", "proxy_register_shared_queue", "iii:i"), wasmtest.Import("env", "proxy_enqueue_shared_queue", "iii:i"),
}

// enqueues registers a queue at address 0, and enqueues 1 KiB to it without end.
var enqueues = []byte{
	0x41, 0, 0x41, 1, 0x41, 16, 0x10, 1, 0x1a,
	0x03, 0x40, 0x41, 1, 0x41, 0, 0x41, 0x80, 8, 0x10, 2, 0x1a, 0x0c, 0, 0x0b,
}

func TestMemoryThatBeginsAboveTheLimit(t *testing.T) {
	m, err := Compile(t.Context(), wasmtest.Module(), Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Start(t.Context(), VMConfig{Limits: Limits{Memory: 1 << 20}}); err != nil {
		t.Errorf("16 pages under a limit of 1 MiB: %v", err)
	}
	if _, err := m.Start(t.Context(), VMConfig{Limits: Limits{Memory: 1<<20 - 1}}); limitOf(err) != LimitMemory {
		t.Errorf("16 pages above the limit: %v", err)
	}
}

// A filter that is refused memory and then answers false may answer true where there is more.
func TestRefusedForLackOfMemory(t *testing.T) {
	configure := wasmtest.Function("proxy_on_configure", "ii:i", join(i32(64), []byte{0x40, 0}, i32(-1), []byte{0x47})...) // memory.grow(64) != -1
	m, err := Compile(t.Context(), wasmtest.Module(configure), Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	for memory, want := range map[uint64]Limit{4 << 20: LimitMemory, 8 << 20: ""} {
		vm, err := m.Start(t.Context(), VMConfig{Limits: Limits{Memory: memory}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vm.Plugin(t.Context(), PluginConfig{}); limitOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("with %d bytes: %v, want %q", memory, err, want)
		}
	}
}

// The caller's own end of a call is no limit of the host.
func TestACallEndsWithItsContext(t *testing.T) {
	g := newGuest(t, wasmtest.Module(wasmtest.Function("proxy_on_tick", "i:", 0x03, 0x40, 0x0c, 0, 0x0b)), VMConfig{})
	p := g.plugin(PluginConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Tick(ctx); !errors.Is(err, context.DeadlineExceeded) || limitOf(err) != "" {
		t.Errorf("Tick = %v, want %v", err, context.DeadlineExceeded)
	}
}

// What a file of some bytes declares cannot take the memory of the host.
func TestDeclarations(t *testing.T) {
	for name, tt := range map[string]struct {
		module []byte
		want   string
	}{
		"local variables": {wasmtest.Module(wasmtest.Section(10, []byte{1, 8, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b})), ""},
		"a table":         {wasmtest.Module(wasmtest.Table(100 << 20)), "this host does not support tables of more than 1048576 elements"},
	} {
		_, err := Compile(t.Context(), tt.module, Interpreter)
		if err == nil || tt.want != "" && !errors.As(err, new(*UnsupportedError)) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if _, err := prepareCode([]byte{1, 8, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b}, nil); !errors.As(err, new(*UnsupportedError)) {
		t.Errorf("local variables: %v", err)
	}
}
