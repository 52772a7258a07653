// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cpp returns the filter in C++ of a tool chain.
func cpp(t *testing.T, toolchain string) []byte {
	t.Helper()
	wasm, err := os.ReadFile("testdata/cpp/" + toolchain + ".wasm")
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// TestCPP runs a filter in C++, as clang and emscripten compile it: its static objects are made before it is configured, it
// reads its environment and the clock, and its memory grows.
func TestCPP(t *testing.T) {
	for name, tt := range map[string]struct {
		rootID, configuration string
		want                  string
		attended              bool
	}{
		"configured":     {"hello", "config", "config", true},
		"by a variable":  {"hello", "", "variable", true},
		"with memory":    {"hello", "grow", "xxxx", true},
		"another rootID": {"another", "config", "", false},
		"none":           {"", "config", "", false},
	} {
		for _, toolchain := range []string{"wasi", "emscripten"} {
			t.Run(name+" "+toolchain, func(t *testing.T) {
				g := newGuest(t, cpp(t, toolchain), VMConfig{Env: [][2]string{{"OTHER", "x"}, {"GREETING", "variable"}}})
				s := g.stream(g.plugin(PluginConfig{RootID: tt.rootID, Configuration: []byte(tt.configuration)}), StreamConfig{})
				err := errors.Join(s.RequestHeaders(t.Context(), get, true), s.ResponseHeaders(t.Context(), ok, true), s.Close(t.Context()))
				got, _ := s.Response().Headers.Get("hello")
				if err != nil || got != tt.want || s.Attended() != tt.attended || !g.vm.UsedRootID() {
					t.Errorf("hello is %q, want %q; attended %v, rootID used %v, %v", got, tt.want, s.Attended(), g.vm.UsedRootID(), err)
				}
			})
		}
	}
}

// TestFailuresOfCPP: what a filter in C++ writes to its standard error, and the names of its functions, say why it failed.
func TestFailuresOfCPP(t *testing.T) {
	for _, toolchain := range []string{"wasi", "emscripten"} {
		g := newGuest(t, cpp(t, toolchain), VMConfig{})
		_, err := g.vm.Plugin(t.Context(), PluginConfig{RootID: "hello"})
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Callback != "proxy_on_configure" {
			t.Errorf("%s: %v", toolchain, err)
		}
		var said strings.Builder
		for _, line := range g.lines {
			said.WriteString(line.Message)
		}
		if diff := cmp.Diff("there is no greeting, 1 filters know one", said.String()); diff != "" {
			t.Errorf("%s logged (-want +got)\n%s", toolchain, diff)
		}

		g = newGuest(t, cpp(t, toolchain), VMConfig{})
		_, err = g.vm.Plugin(t.Context(), PluginConfig{RootID: "hello", Configuration: []byte("abort")})
		var trap *TrapError
		if !errors.As(err, &trap) || trap.Callback != "proxy_on_configure" || !slices.Contains(trap.Stack, "filters::Hello::giveUp") {
			t.Errorf("%s: %v", toolchain, err)
		}
	}
}
