// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a filter asks of the messages of a stream is remembered where another message may have another answer: what is not there,
// what is all of something, and attributes. What the caller gave, and a header that is there, is not.
func TestQuestions(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{Proxy: Proxy{Attributes: Attributes{"request": map[string]any{"id": "given"}}}})
	p := g.plugin(PluginConfig{})
	g.get("proxy_get_property", "request\x00path") // of no stream
	s := g.stream(p, StreamConfig{})
	s.request.headers, s.request.hasHeaders, s.request.seesHeaders = get.normalized(mapRequestHeaders), true, true
	for _, name := range []string{":path", "x-user", "X-User"} {
		g.get("proxy_get_header_map_value", mapRequestHeaders, name)
	}
	g.get("proxy_get_header_map_value", mapResponseHeaders, "not-readable-now")
	g.get("proxy_get_header_map_value", mapCallHeaders, "of-no-message")
	g.get("proxy_get_header_map_pairs", mapRequestHeaders)
	g.call("proxy_get_header_map_size", mapRequestHeaders, result(0))
	g.get("proxy_get_header_map_pairs", mapResponseTrailers)
	g.get("proxy_get_buffer_bytes", bufferRequestBody, 0, 10)
	g.call("proxy_get_buffer_status", bufferResponseBody, result(0), result(1))
	g.get("proxy_get_buffer_bytes", bufferPluginConfiguration, 0, 10)
	for _, path := range []string{"request\x00id", "request\x00path", "request\x00headers\x00x-user", "response\x00code", "source\x00address"} {
		g.get("proxy_get_property", path)
	}
	s.logging = true
	g.get("proxy_get_header_map_value", mapResponseTrailers, "grpc-status")
	want := []Question{
		{"the request header x-user", true}, {"all request headers", false}, {"all response trailers", true}, {"the request body", true},
		{"the response body", true}, {"the property request.path", false}, {"the property request.headers.x-user", true},
		{"the property response.code", true}, {"the response trailer grpc-status", true},
	}
	if diff := cmp.Diff(want, s.Questions()); diff != "" {
		t.Error(diff)
	}
	for n := range 2 * maxUnmodelled {
		s.asked(string(rune('a'+n)), true)
	}
	if got := len(s.Questions()); got != maxUnmodelled {
		t.Errorf("%d are kept", got)
	}
}
