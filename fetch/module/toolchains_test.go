// SPDX-License-Identifier: Apache-2.0

package module_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
)

// summary is what a compiler and an SDK decide of a module.
type summary struct {
	ABI, Allocator, EntryPoint, Producers string
	Imports                               int
}

func summaryOf(t *testing.T, path string) summary {
	t.Helper()
	wasm, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := module.Describe(reader(wasm))
	if err != nil {
		t.Fatal(err)
	}
	var producers []string
	for _, p := range d.Producers {
		producers = append(producers, p.Field+":"+p.Name)
	}
	for _, i := range d.Imports {
		if i.Problem != "" {
			t.Errorf("%s.%s: %s", i.Module, i.Name, i.Problem)
		}
	}
	return summary{d.ABI, d.Allocator, d.EntryPoint, strings.Join(producers, " "), len(d.Imports)}
}

// The modules that are committed were made by the compilers of other languages.
func TestModulesOfOtherLanguages(t *testing.T) {
	tests := map[string]summary{
		"add-header-rust":           {ABI: "0.2.1", Allocator: "proxy_on_memory_allocate", EntryPoint: "_initialize", Imports: 36},
		"add-header-assemblyscript": {ABI: "0.2.0", Allocator: "malloc", Imports: 6},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("..", "..", "examples", name, "add-header.wasm")
			if diff := cmp.Diff(want, summaryOf(t, path)); diff != "" {
				t.Error(diff)
			}
			wasm, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			checkTruncations(t, wasm)
		})
	}
}

// checkTruncations cuts a real module at many places.
func checkTruncations(t *testing.T, wasm []byte) {
	t.Helper()
	between := boundaries(t, wasm)
	for n := 0; n < len(wasm); n += 1 + n/64 {
		if got := inspect(t, wasm[:n]); got.ABI != "" && !between[n] {
			t.Errorf("cut after %d of %d bytes: %+v", n, len(wasm), got)
		}
	}
}

// Go builds two kinds of modules for wasip1: a command, which Envoy starts and which
// ends, and a reactor, which is what a filter has to be.
func TestModulesOfGo(t *testing.T) {
	source := filepath.Join(t.TempDir(), "main.go")
	program := `package main

import "unsafe"

func main() {}

//go:wasmexport proxy_abi_version_0_2_1
func abi() {}

var buffer [1024]byte

//go:wasmexport proxy_on_memory_allocate
func allocate(int32) unsafe.Pointer { return unsafe.Pointer(&buffer[0]) }

//go:wasmexport proxy_on_request_headers
func headers(_, _, _ int32) int32 { return 0 }
`
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, entryPoint := range map[string]string{"exe": "_start", "c-shared": "_initialize"} {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "main.wasm")
			build := exec.CommandContext(t.Context(), "go", "build", "-buildmode="+mode, "-o", path, source)
			build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", build, err, out)
			}
			got := summaryOf(t, path)
			want := summary{ABI: "0.2.1", Allocator: "proxy_on_memory_allocate", EntryPoint: entryPoint, Producers: got.Producers, Imports: got.Imports}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(got.Producers, "language:Go") || got.Imports < 10 {
				t.Errorf("%d imports, made by %s", got.Imports, got.Producers)
			}
		})
	}
}
