// SPDX-License-Identifier: Apache-2.0

package module

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// inspected returns what Inspect says of a module that is built from options.
func inspected(options ...wasmtest.Option) (abi string, err error) {
	wasm := wasmtest.Module(options...)
	info, err := Inspect(bytes.NewReader(wasm), int64(len(wasm)))
	return info.ABI, err
}

// letters is a signature in the notation of wasmtest.
func letters(signature string) string {
	return strings.NewReplacer("i32", "i", "i64", "I", ",", "", "(", "", ")", "", "->", ":").Replace(signature)
}

// Each callback is accepted with the signature that its ABI has, and refused with any
// other. An ABI that does not have the callback ignores it.
func TestEachCallback(t *testing.T) {
	signatures := map[string]bool{"(i64)->()": true}
	for _, c := range callbacks {
		signatures[c.signature] = true
	}
	for name, of := range callbacksByName() {
		for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
			t.Run(name+" "+abi, func(t *testing.T) {
				want := slices.IndexFunc(of, func(c callback) bool { return len(c.abis) == 0 || slices.Contains(c.abis, abi) })
				for signature := range signatures {
					err := exporting(abi, name, signature)
					refused := want >= 0 && signature != of[want].signature
					if (err != nil) != refused {
						t.Errorf("as %s: %v, want refused: %v", signature, err, refused)
					}
					if refused && !strings.Contains(err.Error(), fmt.Sprintf("want %s for ABI %s, module has %s;", of[want].signature, abi, signature)) {
						t.Errorf("as %s: %v", signature, err)
					}
				}
			})
		}
	}
}

func callbacksByName() map[string][]callback {
	byName := map[string][]callback{}
	for _, c := range callbacks {
		byName[c.name] = append(byName[c.name], c)
	}
	return byName
}

// exporting inspects a module of an ABI that exports a callback in such a way that
// Envoy calls it.
func exporting(abi, name, signature string) error {
	options := []wasmtest.Option{wasmtest.ABI(abi)}
	switch name {
	case "malloc", "proxy_on_memory_allocate":
		options = append(options, wasmtest.Allocator(""))
	case "main", "__main_void":
		options = append(options, wasmtest.Export("_initialize", ":"))
	}
	_, err := inspected(append(options, wasmtest.Export(name, letters(signature)))...)
	return err
}

// Envoy calls some callbacks only in the absence of others, or beside them.
func TestCallbacksThatAreNotCalled(t *testing.T) {
	tests := map[string][]wasmtest.Option{
		"the second allocator": {wasmtest.Allocator("malloc"), wasmtest.Export("proxy_on_memory_allocate", "iii:")},
		"_start":               {wasmtest.Export("_initialize", ":"), wasmtest.Export("_start", "i:i")},
		"main":                 {wasmtest.Export("_start", ":"), wasmtest.Export("main", "I:")},
		"main of no entry":     {wasmtest.Export("main", "I:")},
		"__main_void":          {wasmtest.Export("_start", ":"), wasmtest.Export("__main_void", "I:")},
		"any other name":       {wasmtest.Export("proxy_on_everything", "I:"), wasmtest.Export("run", "I:")},
		"a prefix":             {wasmtest.Export("proxy_on_lo", "I:"), wasmtest.Export("proxy_on_logs", "I:")},
	}
	for name, options := range tests {
		if abi, err := inspected(options...); err != nil || abi != "0.2.1" {
			t.Errorf("%s: %q, %v", name, abi, err)
		}
	}
}

func TestMarkersOfABIs(t *testing.T) {
	none := wasmtest.ABI("")
	marker := func(name string) wasmtest.Option { return wasmtest.Export("proxy_abi_version_"+name, ":") }
	tests := []struct {
		name    string
		markers []wasmtest.Option
		abi     string
		fault   string
	}{
		{"0.1.0", []wasmtest.Option{marker("0_1_0")}, "0.1.0", ""},
		{"0.2.0", []wasmtest.Option{marker("0_2_0")}, "0.2.0", ""},
		{"0.2.1", []wasmtest.Option{marker("0_2_1")}, "0.2.1", ""},
		{"the first of two", []wasmtest.Option{marker("0_2_0"), marker("0_1_0")}, "0.2.0", ""},
		{"behind one of a fork", []wasmtest.Option{marker("0_2_100"), marker("0_2_1")}, "0.2.1", ""},
		{"behind a global", []wasmtest.Option{wasmtest.ExportGlobal("proxy_abi_version_0_2_0"), marker("0_2_1")}, "0.2.1", ""},
		{"a later version", []wasmtest.Option{marker("0_3_0")}, "", "it exports proxy_abi_version_0_3_0,"},
		{"an earlier version", []wasmtest.Option{marker("0_0_1")}, "", "it exports proxy_abi_version_0_0_1,"},
		{"the first of two unknown", []wasmtest.Option{marker("9"), marker("8")}, "", "it exports proxy_abi_version_9,"},
		{"no version", []wasmtest.Option{marker("")}, "", "it exports proxy_abi_version_,"},
		{"a longer name", []wasmtest.Option{marker("0_2_1_")}, "", "it exports proxy_abi_version_0_2_1_,"},
		{"another prefix", []wasmtest.Option{wasmtest.Export("Proxy_abi_version_0_2_1", ":")}, "", "it exports no function proxy_abi_version_0_1_0"},
		{"a global", []wasmtest.Option{wasmtest.ExportGlobal("proxy_abi_version_0_2_1")}, "", "its export proxy_abi_version_0_2_1 is not a function"},
		{"a name of control characters", []wasmtest.Option{marker("\x1b[2J\n")}, "", "it exports proxy_abi_version_?[2J?,"},
		{"a long name", []wasmtest.Option{marker(strings.Repeat("9", 1000))}, "", "it exports proxy_abi_version_" + strings.Repeat("9", maxName-len(abiPrefix)) + ","},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			abi, err := inspected(append([]wasmtest.Option{none}, tt.markers...)...)
			if abi != tt.abi || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("Inspect = %q, %v, want %q, %q", abi, err, tt.abi, tt.fault)
			}
		})
	}
}

// Of two exports of one name, which no engine accepts, the last one counts.
func TestExportsOfOneName(t *testing.T) {
	tests := []struct {
		name      string
		options   []wasmtest.Option
		allocator string
	}{
		{"function, then global", []wasmtest.Option{wasmtest.ExportGlobal("malloc")}, ""},
		{"global, then function", []wasmtest.Option{wasmtest.Allocator(""), wasmtest.ExportGlobal("malloc"), wasmtest.Export("malloc", "i:i")}, "malloc"},
		{"two functions", []wasmtest.Option{wasmtest.Export("malloc", "i:i")}, "malloc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wasm := wasmtest.Module(tt.options...)
			d, err := Describe(bytes.NewReader(wasm), int64(len(wasm)))
			if err != nil || d.Allocator != tt.allocator {
				t.Errorf("Describe = %+v, %v, want the allocator %q", d, err, tt.allocator)
			}
		})
	}
}

// A memory has to be exported, under any name, or imported.
func TestMemories(t *testing.T) {
	tests := []struct {
		name    string
		options []wasmtest.Option
		refused bool
	}{
		{"exported", nil, false},
		{"not exported", []wasmtest.Option{wasmtest.HiddenMemory()}, true},
		{"imported", []wasmtest.Option{wasmtest.ImportMemory("env", "memory"), wasmtest.HiddenMemory()}, false},
		{"imported and exported", []wasmtest.Option{wasmtest.ImportMemory("env", "memory")}, false},
		{"a function called memory", []wasmtest.Option{wasmtest.HiddenMemory(), wasmtest.Export("memory", ":")}, true},
		{"a global called memory", []wasmtest.Option{wasmtest.HiddenMemory(), wasmtest.ExportGlobal("memory")}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := inspected(tt.options...); (err != nil) != tt.refused {
				t.Errorf("Inspect = %v, want refused: %v", err, tt.refused)
			}
		})
	}
}
