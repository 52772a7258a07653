// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// Envoy's answer to the headers that a filter leaves, as its status and details, "" for none.
func TestRefusals(t *testing.T) {
	whole := func(others ...[2]string) Headers {
		return append(Headers{{":method", "GET"}, {":path", "/"}, {":authority", "a"}}, others...)
	}
	request := func(reason string) string { return "503 filter_removed_required_request_headers{" + reason + "}" }
	const response = "502 filter_removed_required_response_headers{missing_required_header:_:status}"
	for name, tt := range map[string]struct {
		of      uint32
		headers Headers
		want    string
	}{
		"a request":                {mapRequestHeaders, whole([2]string{"a", "b\t\xff"}, [2]string{":x", ""}, [2]string{"", ""}), ""},
		"no :method":               {mapRequestHeaders, Headers{{":path", "/"}}, request("missing_required_header:_:method")},
		"no :path":                 {mapRequestHeaders, Headers{{":method", "GET"}}, "404 route_not_found"},
		"CONNECT":                  {mapRequestHeaders, Headers{{":method", "CONNECT"}, {":path", "/"}, {":authority", "a"}, {":protocol", "p"}}, ""},
		"CONNECT of no protocol":   {mapRequestHeaders, Headers{{":method", "CONNECT"}, {":path", "/"}, {":authority", "a"}}, request("missing_required_header:_:protocol")},
		"CONNECT to nothing":       {mapRequestHeaders, Headers{{":method", "CONNECT"}, {":path", "/"}}, request("missing_required_header:_:authority")},
		"a space in a name":        {mapRequestHeaders, whole([2]string{"a b", ""}), request("invalid_header_name:_a_b")},
		"a control in a name":      {mapRequestHeaders, whole([2]string{"\"a\x01\\", ""}), request(`invalid_header_name:_\"a\u0001\\`)},
		"no name after the colon":  {mapRequestHeaders, whole([2]string{":", ""}), request("invalid_header_name:_:")},
		"a line feed in a value":   {mapRequestHeaders, whole([2]string{"a", "b\nc"}), request("invalid_header_value_for:_a")},
		"a zero in a value":        {mapRequestHeaders, whole([2]string{"a", "b\x00c"}), request("invalid_header_value_for:_a")},
		"a delete in a value":      {mapRequestHeaders, whole([2]string{"a", "b\x7f"}), request("invalid_header_value_for:_a")},
		"a response":               {mapResponseHeaders, Headers{{":status", "299"}, {"a b", "c\n"}}, ""},
		"no :status":               {mapResponseHeaders, Headers{{"a", "b"}}, response},
		"a status that is a word":  {mapResponseHeaders, Headers{{":status", "abc"}}, response},
		"a status of two numbers":  {mapResponseHeaders, Headers{{":status", "200,201"}}, response},
		"a status that is nothing": {mapResponseHeaders, Headers{{":status", ""}}, response},
	} {
		got := ""
		if all := refusals(tt.of == mapResponseHeaders, tt.headers); len(all) > 0 {
			got = decimal(all[0].Code) + " " + all[0].Details
			if !all[0].Refused() {
				t.Errorf("%s: Refused = false", name)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// What a filter left without what it needs does not pass, at once or when the filter resumes it, and neither does what follows.
// In the memory of these filters is a zero at 0.
func TestRefusedMessages(t *testing.T) {
	zero := join(callOf(fnSetHeader, mapRequestHeaders, 0, 1, 0, 1), drop)
	noStatus := join(callOf(fnSetPairs, mapResponseHeaders, 0, 0), drop)
	const request = "503 filter_removed_required_request_headers{invalid_header_name:_\\u0000}"
	const response = "502 filter_removed_required_response_headers{missing_required_header:_:status}"
	for name, tt := range map[string]struct {
		filter []wasmtest.Option
		steps  []step
		want   passed
	}{
		"a request": {[]wasmtest.Option{onHeaders("request", zero, i32(0))}, []step{requestHeaders1(false), requestBody("ab", true)},
			passed{Request: "-", Response: "invalid header name: \\u0000!", Local: request}},
		"a request that resumes": {[]wasmtest.Option{onHeaders("request", zero, i32(1)), onTick(streamRequest)},
			[]step{requestHeaders1(false), requestBody("ab", true), tick()},
			passed{Request: "-", Response: "invalid header name: \\u0000!", Local: request}},
		"a response": {[]wasmtest.Option{onHeaders("response", noStatus, i32(0))},
			[]step{requestHeaders1(true), responseHeaders(false), responseBody("ab", true)},
			passed{Request: "!", Response: "missing required header: :status!", Local: response}},
		"a response that resumes": {[]wasmtest.Option{onHeaders("response", noStatus, i32(1)), onTick(streamResponse)},
			[]step{requestHeaders1(true), responseHeaders(false), responseBody("ab", true), tick()},
			passed{Request: "!", Response: "missing required header: :status!", Local: response}},
		"a local response": {[]wasmtest.Option{onHeaders("request", localResponse(403), i32(0)), onHeaders("response", noStatus, i32(0))},
			[]step{requestHeaders1(true)}, passed{Request: "-", Response: "missing required header: :status!", Local: response}},
	} {
		t.Run(name, func(t *testing.T) {
			requirePassed(t, tt.filter, tt.steps, tt.want)
		})
	}
}

// What was wrong with a message that came is not the filter's.
func TestMessagesThatCameWithoutTheirHeadersPass(t *testing.T) {
	g := newGuest(t, filter(), VMConfig{})
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	odd := Headers{{"a", "b\n"}}
	if err := errors.Join(s.RequestHeaders(t.Context(), odd, true), s.ResponseHeaders(t.Context(), odd, true)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(passed{Request: "!", Response: "!"}, s.passed()); diff != "" {
		t.Error(diff)
	}
}

// The status that attributes have of a refused request, and the flag.
func TestAttributesOfARefusal(t *testing.T) {
	g := newGuest(t, filter(onHeaders("request", callOf(fnSetHeader, mapRequestHeaders, 0, 1, 0, 1), drop, i32(0))), VMConfig{})
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	if err := s.RequestHeaders(t.Context(), get, true); err != nil {
		t.Fatal(err)
	}
	for attribute, want := range map[string]any{"code": int64(503), "flags": int64(0x40000)} {
		if got, _ := s.derived([]string{"response", attribute}); got != want {
			t.Errorf("response.%s = %v, want %v", attribute, got, want)
		}
	}
}
