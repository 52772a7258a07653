// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"slices"
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

// TestNamesInTraps: functions are named as in their source, without the name of their module, which may have dots.
func TestNamesInTraps(t *testing.T) {
	const mangled = "_RNvCskwGfYPst2Cb_3foo3bar"
	for _, module := range []string{"", "a", "filter-0123.wasm"} {
		wasm := filter(onHeaders("request", []byte{0}), named(module, 8, mangled))
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
