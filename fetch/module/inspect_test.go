// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/failure"
)

// verdict is what Inspect says of a module.
type verdict struct {
	ABI     string
	Reason  v1alpha1.Reason
	Message string
}

// inspect insists that every refusal is terminal.
func inspect(t *testing.T, wasm []byte) verdict {
	t.Helper()
	info, err := module.Inspect(bytes.NewReader(wasm), int64(len(wasm)))
	if err == nil {
		return verdict{ABI: info.ABI}
	}
	f, ok := errors.AsType[*failure.Error](err)
	if !ok || !f.Terminal {
		t.Errorf("Inspect = %#v, want a terminal *failure.Error", err)
	}
	return verdict{ABI: info.ABI, Reason: failure.Of(err).Reason, Message: err.Error()}
}

func TestInspectAccepts(t *testing.T) {
	const preview1 = "wasi_snapshot_preview1"
	tests := []struct {
		name string
		abi  string
		wasm []byte
	}{
		{"the plain module", "0.2.1", wasmtest.Module()},
		{"ABI 0.2.0", "0.2.0", wasmtest.Module(wasmtest.ABI("0.2.0"))},
		{"ABI 0.1.0", "0.1.0", wasmtest.Module(wasmtest.ABI("0.1.0"))},
		{"the first known ABI counts", "0.2.0", wasmtest.Module(wasmtest.ABI("0.2.100"), wasmtest.Export("proxy_abi_version_0_2_0", ":"), wasmtest.Export("proxy_abi_version_0_2_1", ":"))},
		{"the ABI's mark is of any signature", "0.2.1", wasmtest.Module(wasmtest.ABI(""), wasmtest.Export("proxy_abi_version_0_2_1", "i:i"))},
		{"the Go SDK's allocator", "0.2.1", wasmtest.Module(wasmtest.Allocator("proxy_on_memory_allocate"))},
		{"malloc before the other allocator", "0.2.1", wasmtest.Module(wasmtest.Export("proxy_on_memory_allocate", ":"))},
		{"no imports", "0.2.1", wasmtest.Module(wasmtest.NoImports())},
		{"both names of WASI", "0.2.1", wasmtest.Module(wasmtest.Import("wasi_unstable", "fd_write", "iiii:i"), wasmtest.Import(preview1, "fd_write", "iiii:i"))},
		{"what the Go runtime imports", "0.2.1", wasmtest.Module(wasmtest.Import(preview1, "poll_oneoff", "iiii:i"), wasmtest.Import(preview1, "proc_exit", "i:"))},
		{"64-bit parameters", "0.2.1", wasmtest.Module(wasmtest.Import(preview1, "clock_time_get", "iIi:i"), wasmtest.Import("env", "proxy_record_metric", "iI:i"))},
		{"what only this ABI has", "0.1.0", wasmtest.Module(wasmtest.ABI("0.1.0"), wasmtest.Import("env", "proxy_continue_request", ":i"))},
		{"an imported memory", "0.2.1", wasmtest.Module(wasmtest.ImportMemory("env", "memory"), wasmtest.HiddenMemory())},
		{"an imported table", "0.2.1", wasmtest.Module(wasmtest.ImportTable("env", "table"))},
		{"callbacks of this ABI", "0.2.1", wasmtest.Module(wasmtest.Export("proxy_on_request_headers", "iii:i"), wasmtest.Export("proxy_on_log", "i:"))},
		{"callbacks of the other ABI", "0.1.0", wasmtest.Module(wasmtest.ABI("0.1.0"), wasmtest.Export("proxy_on_request_headers", "ii:i"))},
		{"_start beside _initialize", "0.2.1", wasmtest.Module(wasmtest.Export("_initialize", ":"), wasmtest.Export("_start", "i:"))},
		{"main without _initialize", "0.2.1", wasmtest.Module(wasmtest.Export("_start", ":"), wasmtest.Export("main", "I:"))},
		{"a callback's name that is no function", "0.2.1", wasmtest.Module(wasmtest.ExportGlobal("proxy_on_log"))},
		{"a precompiled section", "0.2.1", wasmtest.Module(wasmtest.Custom("precompiled_wee8_v14", []byte("native code")))},
		{"a broken producers section", "0.2.1", wasmtest.Module(wasmtest.Custom("producers", []byte{9}))},
		{"names of functions", "0.2.1", wasmtest.Module(wasmtest.Custom("name", []byte{0, 1, 'm', 1, 4, 1, 0, 1, 'f'}))},
		{"a second name section, which is not read", "0.2.1", wasmtest.Module(wasmtest.Custom("name", nil), wasmtest.Custom("name", []byte{1, 9}))},
		{"padded to 1 MiB", "0.2.1", wasmtest.Module(wasmtest.Padding(1 << 20))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(verdict{ABI: tt.abi}, inspect(t, tt.wasm)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInspectRefusesWhatIsNotProxyWasm(t *testing.T) {
	const (
		noABI   = "not a Proxy-Wasm module: it exports no function proxy_abi_version_0_1_0, proxy_abi_version_0_2_0, proxy_abi_version_0_2_1; build it with a Proxy-Wasm SDK"
		noAlloc = "a Proxy-Wasm module without an allocator: it exports neither function malloc nor proxy_on_memory_allocate, so Envoy cannot hand it any data; build it with a Proxy-Wasm SDK, or keep the export when linking or optimizing"
	)
	tests := []struct {
		name    string
		wasm    []byte
		message string
	}{
		{"no ABI", wasmtest.NoABI(), noABI},
		{"Higress's ABI", wasmtest.Module(wasmtest.ABI("0.2.100")), "a Proxy-Wasm module for Higress's fork of Envoy, which is in Higress's gateway: it exports proxy_abi_version_0_2_100, Istio's Envoy looks for proxy_abi_version_0_1_0, proxy_abi_version_0_2_0, proxy_abi_version_0_2_1; build it with an SDK for one of these, or run it there"},
		{"an ABI of another fork", wasmtest.Module(wasmtest.ABI("0.2.101")), "a Proxy-Wasm module of an ABI that Envoy does not know: it exports proxy_abi_version_0_2_101, Envoy looks for proxy_abi_version_0_1_0, proxy_abi_version_0_2_0, proxy_abi_version_0_2_1; build it with an SDK for one of these"},
		{"a mark that is no function", wasmtest.Module(wasmtest.ABI(""), wasmtest.ExportGlobal("proxy_abi_version_0_2_1")), "not a Proxy-Wasm module: its export proxy_abi_version_0_2_1 is not a function; build it with a Proxy-Wasm SDK"},
		{"no allocator", wasmtest.NoAllocator(), noAlloc},
		{"an allocator that is no function", wasmtest.Module(wasmtest.Allocator(""), wasmtest.ExportGlobal("malloc")), noAlloc},
		{"no ABI and no allocator", wasmtest.Module(wasmtest.ABI(""), wasmtest.Allocator("")), noABI},
		{"a hidden memory", wasmtest.Module(wasmtest.HiddenMemory()), "a Proxy-Wasm module that does not export its memory, so Envoy cannot hand it any data; export it as memory"},
		{"an allocator of another type", wasmtest.Module(wasmtest.Allocator(""), wasmtest.Export("malloc", "I:i")), "a Proxy-Wasm module whose export malloc has a signature that Envoy refuses: want (i32)->i32 for ABI 0.2.1, module has (i64)->i32; build it with an SDK for this ABI"},
		{"a callback of another ABI", wasmtest.Module(wasmtest.Export("proxy_on_request_headers", "ii:i")), "a Proxy-Wasm module whose export proxy_on_request_headers has a signature that Envoy refuses: want (i32,i32,i32)->i32 for ABI 0.2.1, module has (i32,i32)->i32; build it with an SDK for this ABI"},
		{"an entry point of another type", wasmtest.Module(wasmtest.Export("_start", "i:")), "a Proxy-Wasm module whose export _start has a signature that Envoy refuses: want ()->() for ABI 0.2.1, module has (i32)->(); build it with an SDK for this ABI"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := verdict{Reason: v1alpha1.ReasonNotProxyWasm, Message: tt.message}
			if diff := cmp.Diff(want, inspect(t, tt.wasm)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInspectRefusesImports(t *testing.T) {
	twelve := []wasmtest.Option{}
	for i := range 12 {
		twelve = append(twelve, wasmtest.Import("env", fmt.Sprintf("f%d", i), ":"))
	}
	tests := []struct {
		name    string
		wasm    []byte
		missing string
	}{
		{"unknown", wasmtest.UnknownImport("env", "proxy_nonsense"), "env.proxy_nonsense (no Envoy up to 1.40 provides it)"},
		{"a known name elsewhere", wasmtest.UnknownImport("wasi_snapshot_preview2", "fd_write"), "wasi_snapshot_preview2.fd_write (no Envoy up to 1.40 provides it)"},
		{"another signature", wasmtest.Module(wasmtest.Import("env", "proxy_done", "iI:F")), "env.proxy_done (signature mismatch: want ()->i32, module has (i32,i64)->f64)"},
		{"no result", wasmtest.Module(wasmtest.Import("env", "proxy_done", ":")), "env.proxy_done (signature mismatch: want ()->i32, module has ()->())"},
		{"several results", wasmtest.Module(wasmtest.Import("env", "proxy_done", ":ii")), "env.proxy_done (signature mismatch: want ()->i32, module has ()->(i32,i32))"},
		{"WASI's own path_link, which the host lacks", wasmtest.Module(wasmtest.Import("wasi_unstable", "path_link", "iiiiiii:i")), "wasi_unstable.path_link (signature mismatch: want (i32,i32,i32,i32,i32,i32)->i32, module has (i32,i32,i32,i32,i32,i32,i32)->i32)"},
		{"a newer ABI's", wasmtest.Module(wasmtest.ABI("0.2.0"), wasmtest.Import("env", "proxy_get_log_level", "i:i")), "env.proxy_get_log_level (Envoy provides it to ABI 0.2.1, not to 0.2.0)"},
		{"an older ABI's", wasmtest.Module(wasmtest.Import("env", "proxy_clear_route_cache", ":i")), "env.proxy_clear_route_cache (Envoy provides it to ABI 0.1.0, not to 0.2.1)"},
		{"a global", wasmtest.Module(wasmtest.ImportGlobal("env", "g")), "env.g (Envoy provides no global)"},
		{"a second memory", wasmtest.Module(wasmtest.ImportMemory("env", "a"), wasmtest.ImportMemory("env", "b")), "env.b (Envoy provides only one memory)"},
		{"a second table", wasmtest.Module(wasmtest.ImportTable("env", "a"), wasmtest.ImportTable("env", "b")), "env.b (Envoy provides only one table)"},
		{"every missing one is named", wasmtest.Module(wasmtest.Import("a", "b", ":"), wasmtest.Import("c", "d", ":")), "a.b (no Envoy up to 1.40 provides it), c.d (no Envoy up to 1.40 provides it)"},
		{"ten are named", wasmtest.Module(twelve...), "env.f0 (no Envoy up to 1.40 provides it), env.f1 (no Envoy up to 1.40 provides it), env.f2 (no Envoy up to 1.40 provides it), env.f3 (no Envoy up to 1.40 provides it), env.f4 (no Envoy up to 1.40 provides it), env.f5 (no Envoy up to 1.40 provides it), env.f6 (no Envoy up to 1.40 provides it), env.f7 (no Envoy up to 1.40 provides it), env.f8 (no Envoy up to 1.40 provides it), env.f9 (no Envoy up to 1.40 provides it), and 2 more"},
		{"control characters", wasmtest.UnknownImport("env\x1b[2J", "a\nb\xff"), "env?[2J.a?b? (no Envoy up to 1.40 provides it)"},
		{"a very long name", wasmtest.UnknownImport("env", strings.Repeat("x", 100_000)), "env." + strings.Repeat("x", 128) + " (no Envoy up to 1.40 provides it)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := verdict{Reason: v1alpha1.ReasonUnknownImport, Message: "the module imports what Envoy does not provide: " + tt.missing +
				"; build it with a Proxy-Wasm SDK, for Envoy, and without what needs files, sockets or another host"}
			if diff := cmp.Diff(want, inspect(t, tt.wasm)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// More imports than Envoy has functions cannot all be satisfied, known or not.
func TestInspectRefusesTooManyImports(t *testing.T) {
	tests := []struct {
		name  string
		add   func(i int) wasmtest.Option
		count string
	}{
		{"unknown", func(i int) wasmtest.Option { return wasmtest.Import("env", fmt.Sprint(i), ":") }, "and 1020 more;"},
		{"known", func(int) wasmtest.Option { return wasmtest.Import("env", "proxy_done", ":i") }, "does not provide: 6 imports beyond the first 1024;"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := []wasmtest.Option{wasmtest.NoImports()}
			for i := range 1030 {
				options = append(options, tt.add(i))
			}
			if got := inspect(t, wasmtest.Module(options...)); got.Reason != v1alpha1.ReasonUnknownImport || !strings.Contains(got.Message, tt.count) {
				t.Errorf("got %+v, want UnknownImport with %q", got, tt.count)
			}
		})
	}
}

// A global and a function of the same index are two things.
func TestInspectTellsExportsApart(t *testing.T) {
	allocatorFirst := wasmtest.Module(wasmtest.NoImports(), wasmtest.ABI(""), wasmtest.ABI("0.2.1"), wasmtest.ExportGlobal("proxy_on_log"))
	for range 50 { // exports are kept in a map
		if diff := cmp.Diff(verdict{ABI: "0.2.1"}, inspect(t, allocatorFirst)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// The first fault in the order of the checks is the one that is reported.
func TestInspectOrder(t *testing.T) {
	everything := []wasmtest.Option{
		wasmtest.ABI(""), wasmtest.Allocator(""), wasmtest.Import("env", "x", ":"), wasmtest.Export("proxy_on_log", ":"), wasmtest.HiddenMemory(),
	}
	mend := []wasmtest.Option{wasmtest.ABI("0.2.1"), wasmtest.Allocator("malloc"), wasmtest.NoImports()}
	wants := []string{"exports no function proxy_abi", "without an allocator", "imports what", "export proxy_on_log"}
	for i, want := range wants {
		got := inspect(t, wasmtest.Module(append(everything, mend[:i]...)...))
		if !strings.Contains(got.Message, want) {
			t.Errorf("with %d faults mended: %q, want %q", i, got.Message, want)
		}
	}
}

// brokenReader fails as a disk would.
type brokenReader struct{}

func (brokenReader) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }

func TestAnUnreadableFileIsNotTheModulesFault(t *testing.T) {
	_, err := module.Inspect(brokenReader{}, 100)
	f, ok := errors.AsType[*failure.Error](err)
	if !ok || f.Terminal || f.Reason != v1alpha1.ReasonStoreFailed || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Inspect = %v, want a transient StoreFailed for %v", err, io.ErrClosedPipe)
	}
}
