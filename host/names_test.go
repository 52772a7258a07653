// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// named is the section of names of a module, and of one of its functions.
func named(module string, index byte, name string) wasmtest.Option {
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	var content []byte
	if module != "" {
		content = slices.Concat([]byte{0}, text(string(text(module))))
	}
	return wasmtest.Custom("name", slices.Concat(content, []byte{1}, text(string(append([]byte{1, index}, text(name)...)))))
}

// TestNamesOfFunctions, mangled and as linkers for C++ write them.
func TestNamesOfFunctions(t *testing.T) {
	for name, want := range map[string]string{
		"_ZN3foo3barEi": "foo::bar", "foo::bar(int)": "foo::bar", "foo::bar(int (*)(char)) const": "foo::bar", "(anonymous namespace)": "(anonymous namespace)",
		"(anonymous namespace)::f()": "(anonymous namespace)::f", "operator()": "operator()", "a::operator()(int) const": "a::operator()",
		"main": "main", "main.(*T).do": "main.(*T).do", ")": ")", "a)": "a)", "$3": "$3",
		"f(" + strings.Repeat("x", 1000) + ")": "f", strings.Repeat("y", 1000): strings.Repeat("y", maxName) + "…",
	} {
		if got := functionName("", name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestNamesInTraps: functions are named as in their source, without the name of their module, which may have dots.
func TestNamesInTraps(t *testing.T) {
	const mangled = "_RNvCskwGfYPst2Cb_3foo3bar"
	for _, module := range []string{"", "a", "filter-0123.wasm"} {
		wasm := filter(onHeaders("request", []byte{0}), named(module, 9, mangled))
		g := newGuest(t, wasm, VMConfig{})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		err := s.RequestHeaders(t.Context(), get, true)
		var trap *TrapError
		if !errors.As(err, &trap) {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"foo::bar"}, trap.Stack); diff != "" {
			t.Errorf("in module %q (-want +got)\n%s", module, diff)
		}
	}
}
