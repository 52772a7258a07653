// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// detailed is code that sends a local response whose details have as many zeros as the second number says.
func detailed(code, details int32) []byte {
	return join(callOf(fnLocal, code, 0, details, 0, 0, 0, 0, -1), drop)
}

// A second local response takes the place of the first unless that has passed, or waits.
func TestSecondLocalResponse(t *testing.T) {
	inTick := wasmtest.Function("proxy_on_tick", "i:", join(callOf(fnEffective, 2), drop, detailed(403, 1), detailed(404, 2))...)
	withBody := join(callOf(fnLocal, 403, 0, 1, 0, 2, 0, 0, -1), drop)
	for name, tt := range map[string]struct {
		filter []wasmtest.Option
		want   passed
	}{
		"in the response": {[]wasmtest.Option{onHeaders("request", detailed(403, 1), i32(0)), onHeaders("response", detailed(404, 2), i32(0))},
			passed{Request: "-", Response: "!", Local: "404 \x00\x00"}},
		"in the response with a body": {[]wasmtest.Option{onHeaders("request", withBody, i32(0)), onHeaders("response", detailed(404, 2), i32(0))},
			passed{Request: "-", Response: "!", Local: "404 \x00\x00"}},
		"in the body of the response": {[]wasmtest.Option{onHeaders("request", withBody, i32(0)), onBody("response", detailed(404, 2), i32(0))},
			passed{Request: "-", Response: "", Local: "404 \x00\x00", Reset: "reset \x00\x00"}},
		"in the same callback": {[]wasmtest.Option{onHeaders("request", detailed(403, 1), detailed(404, 2), i32(0))},
			passed{Request: "-", Response: "!", Local: "403 \x00\x00"}},
		"in the same tick": {[]wasmtest.Option{onHeaders("request", i32(1)), onHeaders("response", i32(0)), inTick},
			passed{Request: "-", Response: "!", Local: "404 \x00\x00"}},
		"in the same callback of the response": {[]wasmtest.Option{onHeaders("response", detailed(403, 1), detailed(404, 2), i32(0))},
			passed{Request: "!", Response: "!", Local: "403 \x00"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, filter(tt.filter...), VMConfig{})
			p := g.plugin(PluginConfig{})
			s := g.stream(p, StreamConfig{})
			for i, step := range []step{requestHeaders1(true), tick(), responseHeaders(true)} {
				if err := step(g, p, s); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			if diff := cmp.Diff(tt.want, s.passed()); diff != "" {
				t.Error(diff)
			}
			if request, response := s.Paused(); request || response {
				t.Errorf("paused: %t, %t", request, response)
			}
		})
	}
}

// The form of a local response depends on the request as it came.
func TestFormOfLocalResponses(t *testing.T) {
	body := []byte("100% ~\n\xfc")
	const encoded = "100%25 %7E%0A%FC"
	for name, tt := range map[string]struct {
		response     LocalResponse
		ofGRPC, head bool
		want         Headers
		body         string
	}{
		"plain": {LocalResponse{Code: 403, Body: body, Headers: Headers{{"content-length", "9"}}}, false, false,
			Headers{{":status", "403"}, {"content-length", "8"}, {"content-type", "text/plain"}}, string(body)},
		"HEAD": {LocalResponse{Code: 403, Body: body}, false, true, Headers{{":status", "403"}, {"content-length", "8"}, {"content-type", "text/plain"}}, ""},
		"gRPC": {LocalResponse{Code: 403, Body: body, GRPCStatus: -1}, true, false,
			Headers{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "7"}, {"grpc-message", encoded}}, ""},
		"gRPC and HEAD": {LocalResponse{Code: 403, Body: body, GRPCStatus: 5}, true, true,
			Headers{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "5"}}, ""},
		"gRPC with its own headers": {LocalResponse{Code: 403, Body: body, GRPCStatus: 7,
			Headers: Headers{{"grpc-status", "5"}, {"content-length", "9"}, {"grpc-message", "mine"}, {"vary", "a"}, {"vary", "b"}}}, true, false,
			Headers{{":status", "200"}, {"grpc-status", "5"}, {"grpc-message", encoded}, {"vary", "a,b"}, {"content-type", "application/grpc"}}, ""},
	} {
		headers, got := tt.response.head(tt.ofGRPC, tt.head)
		if diff := cmp.Diff(tt.want, headers); diff != "" || string(got) != tt.body {
			t.Errorf("%s: %q, %s", name, got, diff)
		}
	}
}

// What the request is counts as it came: a filter that changes it does not change the form.
func TestFormFollowsTheRequestThatCame(t *testing.T) {
	noHeaders := join(callOf(fnSetPairs, mapRequestHeaders, 0, 0), drop)
	g := newGuest(t, filter(onHeaders("request", noHeaders, localResponse(403), i32(0))), VMConfig{})
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	if err := s.RequestHeaders(t.Context(), append(get.Clone(), [2]string{"content-type", "application/grpc"}), true); err != nil {
		t.Fatal(err)
	}
	want := Headers{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "7"}}
	if diff := cmp.Diff(want, s.Response().Headers); diff != "" {
		t.Error(diff)
	}
	if code, _ := s.derived([]string{"response", "code"}); code != int64(200) {
		t.Errorf("response.code = %v once it has passed", code)
	}
}

// The status is the call's, whatever headers say.
func TestStatusHeaderOfALocalResponse(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	pairs := string(encodePairs([][2]string{{":Status", "201"}, {"a", "b"}}))
	g.want("send", g.call("proxy_send_local_response", 403, "", "", pairs, -1), StatusOK)
	if diff := cmp.Diff(Headers{{":status", "403"}, {"a", "b"}}, s.Response().Headers); diff != "" {
		t.Error(diff)
	}
}

// A filter that ends the stream that it logs fails, as it does in Envoy.
func TestEndOfAStreamInItsLog(t *testing.T) {
	for name, code := range map[string][]byte{"a local response": localResponse(403), "a reset": join(callOf(fnClose, streamRequest), drop)} {
		g := newGuest(t, filter(wasmtest.Function("proxy_on_log", "i:", code...)), VMConfig{})
		p := g.plugin(PluginConfig{})
		s := g.stream(p, StreamConfig{})
		if err := errors.Join(s.RequestHeaders(t.Context(), get, true), s.ResponseHeaders(t.Context(), ok, true)); err != nil {
			t.Fatal(err)
		}
		trapped, is := errors.AsType[*TrapError](s.Close(t.Context()))
		if !is || trapped.Callback != "proxy_on_log" || !errors.Is(g.vm.Failed(), trapped) {
			t.Errorf("%s: %v, %v", name, trapped, g.vm.Failed())
		}
	}
}

// Headers that a filter lets pass with 2, which says that nothing follows, it cannot read afterwards.
func TestHeadersThatPassCannotBeRead(t *testing.T) {
	for answer, readable := range map[int32]bool{0: false, 1: true, 2: false, 3: true} {
		g := newGuest(t, filter(onHeaders("request", i32(answer))), VMConfig{})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		if err := s.RequestHeaders(t.Context(), get, true); err != nil {
			t.Fatal(err)
		}
		if got := s.visible(mapRequestHeaders) != nil; got != readable {
			t.Errorf("after %d they can be read: %t", answer, got)
		}
		if passes := s.passed().Request == "!"; passes == readable {
			t.Errorf("after %d they pass: %t", answer, passes)
		}
	}
}
