// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/render"
)

// holding has a module hold a text at 32 of its memory.
func holding(text string) wasmtest.Option {
	return wasmtest.Section(11, append([]byte{1, 0, 0x41, 32, 0x0b, byte(len(text))}, text...))
}

// constants pushes numbers below 64.
func constants(numbers ...byte) (code []byte) {
	for _, n := range numbers {
		code = append(code, 0x41, n)
	}
	return code
}

// calling calls the function that a module imports beside proxy_log, and goes on with its status on the stack.
func calling(numbers ...byte) []byte { return append(constants(numbers...), 0x10, 1) }

// trapIf traps if what is on the stack is not 0.
var trapIf = []byte{0x04, 0x40, 0x00, 0x0b}

func code(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// TestFailuresOfTheTrial are those that a module may not have in a proxy: no verdict, with the reason. Each module does work with what
// it asks for.
func TestFailuresOfTheTrial(t *testing.T) {
	header := wasmtest.Import("env", "proxy_get_header_map_value", "iiiii:i")
	pairs := wasmtest.Import("env", "proxy_get_header_map_pairs", "iii:i")
	buffer := wasmtest.Import("env", "proxy_get_buffer_bytes", "iiiii:i")
	property := wasmtest.Import("env", "proxy_get_property", "iiii:i")
	data := wasmtest.Import("env", "proxy_get_shared_data", "iiiii:i")
	resolve := wasmtest.Import("env", "proxy_resolve_shared_queue", "iiiii:i")
	enqueue := wasmtest.Import("env", "proxy_enqueue_shared_queue", "iii:i")
	period := wasmtest.Import("env", "proxy_set_tick_period_milliseconds", "i:i")
	drop, zero, isZero := []byte{0x1a}, []byte{0x41, 0}, []byte{0x45}
	for name, tt := range map[string]struct {
		options []wasmtest.Option
		want    string
	}{
		"a header of the request": {[]wasmtest.Option{header, holding("authorization"), onRequest(code(calling(0, 32, 13, 4, 8), trapIf, zero)...)},
			"it asked for the request header authorization, which the GET / of a trial does not have"},
		"a header of the response": {[]wasmtest.Option{header, holding("etag"),
			wasmtest.Function("proxy_on_response_headers", "iii:i", code(calling(2, 32, 4, 4, 8), trapIf, zero)...)},
			"it asked for the response header etag, which the GET / of a trial does not have"},
		"all headers": {[]wasmtest.Option{pairs, onRequest(code(calling(0, 4, 8), drop, trap)...)},
			"it read all request headers, in which other requests differ"},
		"the body of the response": {[]wasmtest.Option{buffer,
			wasmtest.Function("proxy_on_response_body", "iii:i", code(calling(1, 0, 9, 4, 8), drop, trap)...)},
			"it read the response body, in which other requests differ"},
		"a header as a property": {[]wasmtest.Option{property, holding("request\x00headers\x00authorization"), onRequest(code(calling(32, 29, 4, 8), trapIf, zero)...)},
			"it asked for the property request.headers.authorization, which the GET / of a trial does not have"},
		"a property of the message": {[]wasmtest.Option{property, holding("request\x00path"), onRequest(code(calling(32, 12, 4, 8), drop, trap)...)},
			"it read the property request.path, in which other requests differ"},
		"TLS": {[]wasmtest.Option{property, holding("connection\x00mtls"), onRequest(code(calling(32, 15, 4, 8), drop, trap)...)},
			"that may come of property connection.mtls"},
		"shared data": {[]wasmtest.Option{data, holding("key"), onConfigure(code(calling(32, 3, 4, 8, 12), isZero)...)},
			"that may come of shared data key"},
		"a queue by its name": {[]wasmtest.Option{resolve, holding("q"), onConfigure(code(calling(0, 0, 32, 1, 4), isZero)...)},
			"that may come of shared queue q"},
		"a queue": {[]wasmtest.Option{enqueue, onConfigure(code(calling(7, 0, 0), isZero)...)},
			"that may come of shared queue 7"},
		"a tick": {[]wasmtest.Option{period, onConfigure(code(calling(1), isZero)...), onRequest(trap...)},
			"it asked for ticks, and the request came before the first one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Run(t.Context(), wasmtest.Module(tt.options...), render.Settings{}, host.Limits{})
			if r.Reason != v1alpha1.ReasonDependsOnProxy || r.Callback == "" || !strings.HasSuffix(r.Message, "; "+tt.want) {
				t.Errorf("%s: %s, want %s", r.Reason, r.Message, tt.want)
			}
		})
	}
}

// TestFailuresOfTheModule are those that it has with any message: a header that is there is no excuse, nor one that no filter can read
// at that point, nor a tick that has come.
func TestFailuresOfTheModule(t *testing.T) {
	header := wasmtest.Import("env", "proxy_get_header_map_value", "iiiii:i")
	period := wasmtest.Import("env", "proxy_set_tick_period_milliseconds", "i:i")
	effective := wasmtest.Import("env", "proxy_set_effective_context", "i:i")
	proceed := wasmtest.Import("env", "proxy_continue_stream", "i:i")
	drop, ticks := []byte{0x1a}, onConfigure(append(calling(1), 0x45)...)
	for name, tt := range map[string]struct {
		callback string
		options  []wasmtest.Option
	}{
		"a header that is there": {"proxy_on_request_headers",
			[]wasmtest.Option{header, holding(":path"), onRequest(code(calling(0, 32, 5, 4, 8), drop, trap)...)}},
		"a header of no message yet": {"proxy_on_request_headers",
			[]wasmtest.Option{header, holding("etag"), onRequest(code(calling(2, 32, 4, 4, 8), drop, trap)...)}},
		"no context, with a tick": {"proxy_on_context_create",
			[]wasmtest.Option{period, ticks, wasmtest.Function("proxy_on_context_create", "ii:", 0x20, 1, 0x04, 0x40, 0x00, 0x0b)}},
		"after a tick, which resumes the request": {"proxy_on_response_headers",
			[]wasmtest.Option{period, effective, proceed, ticks, onRequest(yes...),
				wasmtest.Function("proxy_on_tick", "i:", 0x41, 2, 0x10, 2, 0x1a, 0x41, 0, 0x10, 3, 0x1a),
				wasmtest.Function("proxy_on_response_headers", "iii:i", trap...)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Run(t.Context(), wasmtest.Module(tt.options...), render.Settings{}, host.Limits{})
			if r.Verdict() != Refused || r.Callback != tt.callback {
				t.Errorf("%s: %s", r.Reason, r.Message)
			}
		})
	}
}

// TestDoubtsAreNotCut: however long the names of the functions are that trapped.
func TestDoubtsAreNotCut(t *testing.T) {
	a := &attempt{awaits: true}
	r := a.result(&host.TrapError{Callback: "proxy_on_request_headers", Reason: "unreachable", Stack: []string{strings.Repeat("a", 400), strings.Repeat("b", 400)}}).clean()
	if r.Verdict() != Undecided || !strings.HasSuffix(r.Message, "; it asked for ticks, and the request came before the first one") {
		t.Errorf("%s: %s", r.Reason, r.Message)
	}
}
