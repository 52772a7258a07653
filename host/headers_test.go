// SPDX-License-Identifier: Apache-2.0

package host

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaders(t *testing.T) {
	var h Headers
	h.Add("Accept", "a")
	h.Add(":path", "/")
	h.Add("accept", "b")
	h.Add(":method", "GET")
	h.Add("content-type", "text/plain")
	h.Add("content-type", "text/html")
	want := Headers{{":path", "/"}, {":method", "GET"}, {"accept", "a"}, {"accept", "b"}, {"content-type", "text/plain"}, {"content-type", "text/html"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("Add: %s", diff)
	}
	h.Set("ACCEPT", "c")
	h.Set("x", "y")
	h.Remove(":method")
	h.Set("content-type", "a")
	want = Headers{{":path", "/"}, {"accept", "c"}, {"content-type", "a"}, {"x", "y"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("Set, Remove: %s", diff)
	}
	if got, want := h.ByteSize(), 6+7+13+2; got != want {
		t.Errorf("ByteSize = %d, want %d", got, want)
	}
}

// Of which headers a map keeps one value depends on what it is of.
func TestHeadersOfOneValue(t *testing.T) {
	for name, joined := range map[string][]uint32{
		"content-type": {mapRequestHeaders, mapResponseHeaders},
		"accept":       {mapRequestHeaders},
		"vary":         {mapResponseHeaders},
		"grpc-status":  {mapResponseHeaders, mapResponseTrailers},
		"host":         {mapRequestHeaders},
		"set-cookie":   {},
	} {
		for of := range uint32(mapTypes) {
			want := Headers{{name, "1"}, {name, "2"}}
			if slices.Contains(joined, of) {
				want = Headers{{name, "1,2"}}
			}
			if diff := cmp.Diff(want, Headers{{name, "1"}, {name, "2"}}.normalized(of)); diff != "" {
				t.Errorf("%s of the map %d: %s", name, of, diff)
			}
		}
	}
}

// What a filter replaces goes behind the others, and a pseudo-header behind the other pseudo-headers.
func TestReplacedHeadersAreTheLast(t *testing.T) {
	h := Headers{{":method", "GET"}, {":path", "/"}, {"a", "1"}, {"user-agent", "1"}, {"a", "2"}, {"b", "1"}}
	for _, name := range []string{"A", "user-agent", ":method", "new"} {
		h.replace(mapRequestHeaders, name, "x")
	}
	want := Headers{{":path", "/"}, {":method", "x"}, {"b", "1"}, {"a", "x"}, {"user-agent", "x"}, {"new", "x"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
}

func TestPairs(t *testing.T) {
	pairs := [][2]string{{"a", "1"}, {"", "long"}, {"b", ""}}
	encoded := encodePairs(pairs)
	if diff := cmp.Diff(pairs, decodePairs(encoded)); diff != "" {
		t.Error(diff)
	}
	for n := range encoded {
		if got := decodePairs(encoded[:n]); got != nil {
			t.Errorf("cut after %d of %d bytes: %v", n, len(encoded), got)
		}
	}
	for name, bad := range map[string]string{
		"nothing": "", "bytes behind": string(encoded) + "x", "a huge number": "\xff\xff\xff\xff", "a huge size": "\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00",
		"more than 1024": string(encodePairs(make([][2]string, 1025))), "no zero": "\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00ab\x00",
	} {
		if got := decodePairs([]byte(bad)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// requestOf begins a stream whose request headers the filter has, since it stopped them.
func (g *guest) requestOf(headers Headers) *Stream {
	g.Helper()
	s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	s.request.headers, s.request.hasHeaders, s.request.seesHeaders, s.request.state = headers.normalized(mapRequestHeaders), true, true, stoppedAll
	return s
}

func TestHeaderFunctions(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	s := g.requestOf(Headers{{":authority", "a.example"}, {"x", "1"}, {"x", "2"}})
	if got := g.get("proxy_get_header_map_value", mapRequestHeaders, "X"); got != "1" {
		t.Errorf("x = %q", got)
	}
	if got := g.get("proxy_get_header_map_value", mapRequestHeaders, "host"); got != "a.example" {
		t.Errorf("host = %q", got)
	}
	g.want("a header that is not there", g.call("proxy_get_header_map_value", mapRequestHeaders, "y", result(0), result(1)), StatusNotFound)
	g.want("headers that are not there", g.call("proxy_get_header_map_value", mapResponseHeaders, "y", result(0), result(1)), StatusBadArgument)
	g.want("an unknown map", g.call("proxy_get_header_map_value", 8, "y", result(0), result(1)), StatusBadArgument)
	g.want("add", g.call("proxy_add_header_map_value", mapRequestHeaders, "Y", "3"), StatusOK)
	g.want("replace", g.call("proxy_replace_header_map_value", mapRequestHeaders, "x", "4"), StatusOK)
	g.want("remove", g.call("proxy_remove_header_map_value", mapRequestHeaders, "none"), StatusOK)
	g.want("add to what is not there", g.call("proxy_add_header_map_value", mapResponseHeaders, "Y", "3"), StatusBadArgument)
	if diff := cmp.Diff(Headers{{":authority", "a.example"}, {"y", "3"}, {"x", "4"}}, s.request.headers); diff != "" {
		t.Error(diff)
	}
	g.want("size", g.call("proxy_get_header_map_size", mapRequestHeaders, result(0)), StatusOK)
	if got, want := g.number(0), uint32(10+9+2+2); got != want {
		t.Errorf("size = %d, want %d", got, want)
	}
	if diff := cmp.Diff([][2]string(s.request.headers), decodePairs([]byte(g.get("proxy_get_header_map_pairs", mapRequestHeaders)))); diff != "" {
		t.Error(diff)
	}
	g.want("set all", g.call("proxy_set_header_map_pairs", mapRequestHeaders, string(encodePairs([][2]string{{"only", "this"}}))), StatusOK)
	if diff := cmp.Diff(Headers{{"only", "this"}}, s.request.headers); diff != "" {
		t.Error(diff)
	}
	if got := g.get("proxy_get_header_map_pairs", mapResponseHeaders); got != "" {
		t.Errorf("pairs that are not there = %q", got)
	}
}

// ABI 0.1.0 has no status for a header that is not there.
func TestMissingHeaderOfABI010(t *testing.T) {
	g := newGuest(t, relay("0.1.0"), VMConfig{})
	g.requestOf(Headers{{"x", "1"}})
	if got := g.get("proxy_get_header_map_value", mapRequestHeaders, "y"); got != "" {
		t.Errorf("a header that is not there = %q", got)
	}
}

func TestBufferFunctions(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	s := g.requestOf(nil)
	body := []byte("hello")
	s.request.chunk = &body
	g.want("status", g.call("proxy_get_buffer_status", bufferRequestBody, result(0), result(1)), StatusOK)
	if g.number(0) != 5 || g.number(1) != 0 {
		t.Errorf("status = %d, %d", g.number(0), g.number(1))
	}
	for _, tt := range []struct {
		start, length int
		want          string
	}{{0, 5, "hello"}, {1, 2, "el"}, {3, 100, "lo"}, {5, 1, ""}, {9, 1, ""}, {0, -1, "hello"}} {
		if got := g.get("proxy_get_buffer_bytes", bufferRequestBody, tt.start, tt.length); got != tt.want {
			t.Errorf("%d bytes from %d = %q, want %q", tt.length, tt.start, got, tt.want)
		}
	}
	for _, tt := range []struct {
		start, length int
		data          string
		status        Status
		want          string
	}{
		{0, 0, "<", StatusOK, "<hello"}, {6, 0, ">", StatusOK, "<hello>"}, {0, 3, "x", StatusOK, "xllo>"},
		{2, 1, "x", StatusBadArgument, "xllo>"}, {0, 7, "all", StatusOK, "all"}, {100, 0, "!", StatusOK, "all!"},
	} {
		g.want("set", g.call("proxy_set_buffer_bytes", bufferRequestBody, tt.start, tt.length, tt.data), tt.status)
		if string(body) != tt.want {
			t.Errorf("set %d, %d, %s: %s, want %s", tt.start, tt.length, tt.data, body, tt.want)
		}
	}
	g.want("set a configuration", g.call("proxy_set_buffer_bytes", bufferVMConfiguration, 0, 0, "x"), StatusBadArgument)
	g.want("an unknown buffer", g.call("proxy_get_buffer_status", 9, result(0), result(1)), StatusBadArgument)
	g.want("a configuration that is not there", g.call("proxy_get_buffer_status", bufferPluginConfiguration, result(0), result(1)), StatusNotFound)
}

// Each change of the request's headers has Envoy choose the route again, by modules of any ABI. What is not done does not.
func TestChangesOfTheRequestClearTheRoute(t *testing.T) {
	pairs := string(encodePairs([][2]string{{"x", "1"}}))
	for _, abi := range []string{"0.1.0", "0.2.0", "0.2.1"} {
		for _, tt := range []struct {
			function string
			args     []any
			want     bool
		}{
			{"add_header_map_value", []any{mapRequestHeaders, "x-route", "b"}, true},
			{"replace_header_map_value", []any{mapRequestHeaders, "x-route", "b"}, true},
			{"remove_header_map_value", []any{mapRequestHeaders, "x-none"}, true},
			{"set_header_map_pairs", []any{mapRequestHeaders, pairs}, true},
			{"add_header_map_value", []any{mapResponseHeaders, "x-route", "b"}, false},
			{"set_header_map_pairs", []any{mapResponseHeaders, pairs}, false},
			{"add_header_map_value", []any{mapRequestTrailers, "x-route", "b"}, false},
			{"get_header_map_value", []any{mapRequestHeaders, "x-route", result(0), result(1)}, false},
		} {
			g := newGuest(t, relay(abi), VMConfig{})
			s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
			s.response.seesHeaders, s.request.seesTrailers = true, true
			g.call("proxy_"+tt.function, tt.args...)
			if s.RouteCacheCleared() {
				t.Errorf("ABI %s, %s%v of headers that it cannot see clears the route", abi, tt.function, tt.args)
			}
			s.request.seesHeaders = true
			g.call("proxy_"+tt.function, tt.args...)
			if got := s.RouteCacheCleared(); got != tt.want {
				t.Errorf("ABI %s, %s%v clears the route: %t, want %t", abi, tt.function, tt.args, got, tt.want)
			}
		}
	}
}
