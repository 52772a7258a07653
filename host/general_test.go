// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

func TestLog(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{Proxy: Proxy{LogLevel: LevelWarn}})
	g.want("log at info", g.call("proxy_log", 2, "hello"), StatusOK)
	g.want("log at critical", g.call("proxy_log", 5, ""), StatusOK)
	g.want("log at 6", g.call("proxy_log", 6, "no"), StatusBadArgument)
	g.want("log outside memory", g.call("proxy_log", 2, -1, 5), StatusInvalidMemoryAccess)
	if diff := cmp.Diff([]Line{{Level: LevelInfo, Message: "hello"}, {Level: LevelCritical}}, g.lines); diff != "" {
		t.Error(diff)
	}
	g.call("proxy_get_log_level", result(0))
	if got := g.number(0); got != uint32(LevelWarn) {
		t.Errorf("log level = %d", got)
	}
}

func TestTimeAndTicks(t *testing.T) {
	now := time.Unix(1000, 5)
	g := newGuest(t, relay("0.2.1"), VMConfig{Proxy: Proxy{Now: func() time.Time { return now }}})
	p := g.plugin(PluginConfig{})
	g.call("proxy_get_current_time_nanoseconds", result(0))
	g.call("proxy_set_tick_period_milliseconds", 250)
	if got := g.number64(0); got != 1_000_000_000_005 {
		t.Errorf("time = %d", got)
	}
	if got := p.TickPeriod(); got != 250*time.Millisecond {
		t.Errorf("tick period = %s", got)
	}
}

// The configuration of the plugin can be read while it is configured, and not later.
func TestConfiguration(t *testing.T) {
	g := newGuest(t, relay("0.1.0"), VMConfig{Configuration: []byte("of the VM")})
	p := g.plugin(PluginConfig{Configuration: []byte("of the plugin")})
	for _, tt := range []struct {
		configuring     bool
		old, vm, plugin string
	}{
		{true, "of the plugin", "of the VM", "of the plugin"},
		{false, "of the VM", "of the VM", "1"},
	} {
		p.configuring = tt.configuring
		old := g.get("proxy_get_configuration")
		vm, plugin := g.get("proxy_get_buffer_bytes", bufferVMConfiguration, 0, 100), g.get("proxy_get_buffer_bytes", bufferPluginConfiguration, 0, 100)
		if diff := cmp.Diff([]string{tt.old, tt.vm, tt.plugin}, []string{old, vm, plugin}); diff != "" {
			t.Errorf("configuring %t: %s", tt.configuring, diff)
		}
	}
}

func TestEffectiveContext(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	p := g.plugin(PluginConfig{})
	s := g.stream(p, StreamConfig{})
	g.scope = p.scope
	g.want("an unknown one", g.call("proxy_set_effective_context", 99), StatusBadArgument)
	g.want("the stream's", g.call("proxy_set_effective_context", int(s.ID())), StatusOK)
	g.want("none", g.call("proxy_set_effective_context", 0), StatusOK)
}

func TestStatusOutsideOfACallout(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	g.want("get_status", g.call("proxy_get_status", result(0), result(1), result(2)), StatusOK)
}

// While a module is initialized, Envoy offers it few functions.
func TestRestrictedDuringStart(t *testing.T) {
	start := func(imported, signature string, body ...byte) error {
		m, err := Compile(t.Context(), wasmtest.Module(wasmtest.NoImports(), wasmtest.Import("env", imported, signature),
			wasmtest.Function("_initialize", ":", body...)), Interpreter)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Start(t.Context(), VMConfig{})
		return err
	}
	if err := start("proxy_log", "iii:i", 0x41, 2, 0x41, 0, 0x41, 0, 0x10, 0, 0x1a); err != nil {
		t.Errorf("proxy_log: %v", err)
	}
	want := "_initialize trapped: host function proxy_done is not available at this point in env.proxy_done < $3"
	if err := start("proxy_done", ":i", 0x10, 0, 0x1a); err == nil || err.Error() != want {
		t.Errorf("proxy_done: %v, want %s", err, want)
	}
}

func TestForeignFunctions(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{Proxy: Proxy{Foreign: map[string]ForeignFunction{
		"reverse": func(args []byte) ([]byte, Status) { return []byte{args[1], args[0]}, StatusOK },
	}}})
	if got := g.get("proxy_call_foreign_function", "reverse", "ab"); got != "ba" {
		t.Errorf("reverse = %q", got)
	}
	packed := g.get("proxy_call_foreign_function", "compress", "aaaaaaaaaaaaaaaaaaaa")
	if got := g.get("proxy_call_foreign_function", "uncompress", packed); got != "aaaaaaaaaaaaaaaaaaaa" {
		t.Errorf("uncompress = %q", got)
	}
	g.want("uncompress of what is none", g.call("proxy_call_foreign_function", "uncompress", "x", result(0), result(1)), StatusSerializationFailure)
	g.want("one that is unknown", g.call("proxy_call_foreign_function", "sign", "", 0, 0), StatusNotFound)
	if diff := cmp.Diff([]Unmodelled{{UseForeignFunction, "sign"}}, g.vm.Unmodelled()); diff != "" {
		t.Error(diff)
	}
}

// What panics of the caller's functions is the caller's mistake, not a trap of the filter.
func TestPanicsOfTheCaller(t *testing.T) {
	for function, args := range map[string][]any{
		"proxy_log":                          {2, "text"},
		"proxy_call_foreign_function":        {"foreign", "", 0, 0},
		"proxy_get_current_time_nanoseconds": {result(0)},
		"proxy_http_call":                    {"cluster", callHeaders, "", "", 0, result(0)},
	} {
		g := newGuest(t, relay("0.2.1"), VMConfig{})
		g.plugin(PluginConfig{})
		g.vm.proxy = Proxy{
			Log:        func(Line) { panic("a mistake") },
			Foreign:    map[string]ForeignFunction{"foreign": func([]byte) ([]byte, Status) { panic("a mistake") }},
			Now:        func() time.Time { panic("a mistake") },
			HasCluster: func(string) bool { panic("a mistake") },
		}
		_, err := g.try(function, args...)
		if internal, ok := errors.AsType[*InternalError](err); !ok || internal.Reason != "a mistake" {
			t.Errorf("%s: %T %v", function, err, err)
		}
	}
}
