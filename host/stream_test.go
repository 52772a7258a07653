// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

var (
	get      = Headers{{":method", "GET"}, {":path", "/"}}
	ok       = Headers{{":status", "200"}}
	trailers = Headers{{"t", "1"}}
)

// passed is what of a stream passed the filter.
type passed struct {
	Request, Response string // the body; "-" as long as the headers did not pass, "!" at the end once it is complete
	Local, Reset      string
}

func (s *Stream) passed() passed {
	message := func(m *Message) string {
		switch {
		case m.Headers == nil:
			return "-"
		case m.Complete:
			return string(m.Body) + "!"
		}
		return string(m.Body)
	}
	p := passed{Request: message(s.Request()), Response: message(s.Response())}
	if details, reset := s.Reset(); reset {
		p.Reset = "reset " + details
	}
	if local := s.Local(); local != nil {
		p.Local = decimal(local.Code) + " " + local.Details
	}
	return p
}

// step is what the client, the upstream or the clock does.
type step func(*guest, *Plugin, *Stream) error

func requestHeaders1(end bool) step {
	return func(g *guest, _ *Plugin, s *Stream) error { return s.RequestHeaders(g.Context(), get, end) }
}

func requestBody(data string, end bool) step {
	return func(g *guest, _ *Plugin, s *Stream) error { return s.RequestBody(g.Context(), []byte(data), end) }
}

func requestTrailers() step {
	return func(g *guest, _ *Plugin, s *Stream) error { return s.RequestTrailers(g.Context(), trailers) }
}

func responseHeaders(end bool) step {
	return func(g *guest, _ *Plugin, s *Stream) error { return s.ResponseHeaders(g.Context(), ok, end) }
}

func responseBody(data string, end bool) step {
	return func(g *guest, _ *Plugin, s *Stream) error { return s.ResponseBody(g.Context(), []byte(data), end) }
}

func tick() step { return func(g *guest, p *Plugin, _ *Stream) error { return p.Tick(g.Context()) } }

// What passes the filter after the steps, for each answer that a filter can give.
func TestWhatPasses(t *testing.T) {
	for name, tt := range map[string]struct {
		filter []wasmtest.Option
		steps  []step
		want   passed
	}{
		"no callbacks": {nil, []step{requestHeaders1(false), requestBody("ab", false), requestBody("c", true), responseHeaders(true)},
			passed{Request: "abc!", Response: "!"}},
		"headers continue": {[]wasmtest.Option{onHeaders("request", i32(0))}, []step{requestHeaders1(true)}, passed{Request: "!", Response: "-"}},
		"headers pause, the body waits": {[]wasmtest.Option{onHeaders("request", i32(1))},
			[]step{requestHeaders1(false), requestBody("ab", true)}, passed{Request: "-", Response: "-"}},
		"headers pause, all resumes": {[]wasmtest.Option{onHeaders("request", i32(1)), onTick(streamRequest)},
			[]step{requestHeaders1(false), requestBody("ab", false), requestTrailers(), tick()}, passed{Request: "ab!", Response: "-"}},
		"headers pause, the filter sees the body when it resumes": {
			[]wasmtest.Option{onHeaders("request", i32(1)), onBody("request", callOf(fnSetBuffer, 0, 0, 0, 0, 4), drop, i32(0)), onTick(streamRequest)},
			[]step{requestHeaders1(false), requestBody("ab", true), tick()}, passed{Request: "\x00\x00\x00\x00ab!", Response: "-"}},
		"an unknown answer pauses": {[]wasmtest.Option{onHeaders("request", i32(9))}, []step{requestHeaders1(true)}, passed{Request: "-", Response: "-"}},
		"the body is buffered to its end": {[]wasmtest.Option{onBody("request", []byte{0x20, 2, 0x45})}, // local.get 2, i32.eqz
			[]step{requestHeaders1(false), requestBody("ab", false), requestBody("cd", false), requestBody("e", true)}, passed{Request: "abcde!", Response: "-"}},
		"the body is buffered, and so are the headers": {[]wasmtest.Option{onHeaders("request", i32(1)), onBody("request", i32(1))},
			[]step{requestHeaders1(false), requestBody("ab", false)}, passed{Request: "-", Response: "-"}},
		"the body waits for the tick": {[]wasmtest.Option{onBody("request", i32(2)), onTick(streamRequest)},
			[]step{requestHeaders1(false), requestBody("ab", false), requestBody("cd", true), tick()}, passed{Request: "abcd!", Response: "-"}},
		"what is not buffered is dropped": {[]wasmtest.Option{onBody("request", i32(3)), onTick(streamRequest)},
			[]step{requestHeaders1(false), requestBody("ab", false), requestBody("cd", true), tick()}, passed{Request: "!", Response: "-"}},
		"trailers pause": {[]wasmtest.Option{onTrailers("request", i32(1)), onTick(streamRequest)},
			[]step{requestHeaders1(false), requestBody("ab", false), requestTrailers()}, passed{Request: "ab", Response: "-"}},
		"trailers resume": {[]wasmtest.Option{onTrailers("request", i32(1)), onTick(streamRequest)},
			[]step{requestHeaders1(false), requestBody("ab", false), requestTrailers(), tick()}, passed{Request: "ab!", Response: "-"}},
		"the response is buffered": {[]wasmtest.Option{onBody("response", i32(1)), onTick(streamResponse)},
			[]step{requestHeaders1(true), responseHeaders(false), responseBody("ab", true), tick()}, passed{Request: "!", Response: "ab!"}},
		"a local response": {[]wasmtest.Option{onHeaders("request", localResponse(403), i32(0))},
			[]step{requestHeaders1(false), requestBody("ab", true)}, passed{Request: "-", Response: "!", Local: "403 "}},
		"a local response from the body": {[]wasmtest.Option{onBody("request", localResponse(400), i32(0))},
			[]step{requestHeaders1(false), requestBody("ab", true)}, passed{Request: "", Response: "!", Local: "400 "}},
		"a local response in the place of the upstream's": {[]wasmtest.Option{onHeaders("response", localResponse(502), i32(0))},
			[]step{requestHeaders1(true), responseHeaders(false), responseBody("ab", true)}, passed{Request: "!", Response: "!", Local: "502 "}},
		"a local response behind the upstream's headers": {[]wasmtest.Option{onBody("response", localResponse(502), i32(0))},
			[]step{requestHeaders1(true), responseHeaders(false), responseBody("ab", true)}, passed{Request: "!", Response: "", Local: "502 ", Reset: "reset "}},
		"a reset": {[]wasmtest.Option{onHeaders("request", callOf(fnClose, streamRequest), drop, i32(0))},
			[]step{requestHeaders1(true)}, passed{Request: "-", Response: "-", Reset: "reset wasm_close_stream"}},
	} {
		t.Run(name, func(t *testing.T) {
			requirePassed(t, tt.filter, tt.steps, tt.want)
		})
	}
}

// requirePassed takes the steps of a stream through a filter, and compares what has passed.
func requirePassed(t *testing.T, options []wasmtest.Option, steps []step, want passed) {
	t.Helper()
	g := newGuest(t, filter(options...), VMConfig{})
	p := g.plugin(PluginConfig{})
	s := g.stream(p, StreamConfig{})
	for i, step := range steps {
		if err := step(g, p, s); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if diff := cmp.Diff(want, s.passed()); diff != "" {
		t.Error(diff)
	}
}

// With the plugin's option, headers that are stopped do not stop the body from being seen.
func TestAllowStopIteration(t *testing.T) {
	for allow, want := range map[bool]string{false: "-", true: "ab!"} {
		g := newGuest(t, filter(onHeaders("request", i32(1)), onBody("request", i32(0))), VMConfig{})
		s := g.stream(g.plugin(PluginConfig{AllowStopIteration: allow}), StreamConfig{})
		if err := errors.Join(s.RequestHeaders(t.Context(), get, false), s.RequestBody(t.Context(), []byte("ab"), true)); err != nil {
			t.Fatal(err)
		}
		if got := s.passed().Request; got != want {
			t.Errorf("allowed %t: %q, want %q", allow, got, want)
		}
	}
}

// A local response passes the filter's callbacks for responses.
func TestALocalResponsePassesTheFilter(t *testing.T) {
	g := newGuest(t, filter(onHeaders("request", localResponse(401), i32(0)),
		onHeaders("response", callOf(fnSetHeader, mapResponseHeaders, 0, 1, 0, 1), drop, i32(0))), VMConfig{})
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	if err := s.RequestHeaders(t.Context(), get, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Message{Headers: Headers{{":status", "401"}, {"\x00", "\x00"}}, Complete: true}, s.Response()); diff != "" {
		t.Error(diff)
	}
}

// A filter may write trailers at the end of a body that has none.
func TestAddedTrailers(t *testing.T) {
	g := newGuest(t, filter(onBody("request", callOf(fnSetHeader, mapRequestTrailers, 0, 1, 0, 1), drop, i32(0))), VMConfig{})
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	if err := errors.Join(s.RequestHeaders(t.Context(), get, false), s.RequestBody(t.Context(), []byte("ab"), true)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Message{Headers: get, Body: []byte("ab"), Trailers: Headers{{"\x00", "\x00"}}, Complete: true}, s.Request()); diff != "" {
		t.Error(diff)
	}
}

// More than the limit of a buffer ends a stream, as in Envoy.
func TestTooLong(t *testing.T) {
	for of, want := range map[string]passed{
		"request":  {Request: "-", Response: "Payload Too Large!", Local: "413 request_payload_too_large"},
		"response": {Request: "!", Response: "Internal Server Error!", Local: "500 response_payload_too_large"},
	} {
		g := newGuest(t, filter(onHeaders(of, i32(3))), VMConfig{Limits: Limits{Buffer: 10}})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		steps := []step{requestHeaders1(of == "response"), responseHeaders(false), responseBody("more than ten", true)}
		if of == "request" {
			steps = []step{requestHeaders1(false), requestBody("more than ten", true)}
		}
		for _, step := range steps {
			if err := step(g, nil, s); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, s.passed()); diff != "" {
			t.Errorf("%s: %s", of, diff)
		}
	}
}

// Once the headers of a response have passed, too much of its body can only end it.
func TestTooLongBehindHeaders(t *testing.T) {
	g := newGuest(t, filter(onBody("response", i32(1))), VMConfig{Limits: Limits{Buffer: 10}})
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	for _, step := range []step{requestHeaders1(true), responseHeaders(false), responseBody("more than ten", true)} {
		if err := step(g, nil, s); err != nil {
			t.Fatal(err)
		}
	}
	const details = "response_payload_too_large"
	if diff := cmp.Diff(passed{Request: "!", Response: "", Local: "500 " + details, Reset: "reset " + details}, s.passed()); diff != "" {
		t.Error(diff)
	}
}

// A trap ends the virtual machine: its streams get 503, and nothing is called any more.
func TestATrapEndsTheVM(t *testing.T) {
	g := newGuest(t, filter(onHeaders("request", trap)), VMConfig{})
	p := g.plugin(PluginConfig{})
	first, second := g.stream(p, StreamConfig{}), g.stream(p, StreamConfig{})
	err := first.RequestHeaders(t.Context(), get, true)
	want := "proxy_on_request_headers trapped: unreachable in $9"
	if err == nil || err.Error() != want {
		t.Errorf("RequestHeaders = %v, want %s", err, want)
	}
	if later := second.RequestHeaders(t.Context(), get, true); !errors.Is(later, g.vm.Failed()) {
		t.Errorf("a second stream: %v", later)
	}
	for _, s := range []*Stream{first, second} {
		if diff := cmp.Diff(passed{Request: "-", Response: "!", Local: "503 wasm_fail_stream"}, s.passed()); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := p.Stream(t.Context(), StreamConfig{}); err == nil {
		t.Error("a new stream began")
	}
}

// The order of a stream's end.
func TestEndOfAStream(t *testing.T) {
	counted := func(name, signature string) wasmtest.Option {
		return wasmtest.Function(name, signature, join([]byte{0x41, 2, 0x20, 0, 0x20, 0}, []byte{0x10, 0, 0x1a}, map[bool][]byte{true: i32(1)}[signature == "i:i"])...)
	}
	g := newGuest(t, wasmtest.Module(counted("proxy_on_log", "i:"), counted("proxy_on_done", "i:i"), counted("proxy_on_delete", "i:")), VMConfig{})
	p := g.plugin(PluginConfig{})
	s := g.stream(p, StreamConfig{})
	if err := errors.Join(s.Close(t.Context()), s.Close(t.Context()), p.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if len(g.lines) != 3+2 {
		t.Errorf("%d calls, want 5: log, done and delete of the stream, done and delete of the plugin", len(g.lines))
	}
	if err := s.RequestHeaders(t.Context(), get, true); !errors.Is(err, ErrClosed) {
		t.Errorf("RequestHeaders = %v", err)
	}
}

// TestNoHeadersPass: headers that passed are not nil, even if there are none.
func TestNoHeadersPass(t *testing.T) {
	for answer, passed := range map[int32]bool{0: true, 1: false} {
		g := newGuest(t, filter(onHeaders("request", i32(answer))), VMConfig{})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		if err := s.RequestHeaders(t.Context(), nil, true); err != nil {
			t.Fatal(err)
		}
		if got := s.Request().Headers; (got != nil) != passed || len(got) > 0 {
			t.Errorf("with the answer %d: %#v", answer, got)
		}
	}
}
