// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"
)

// What proxy_on_log finds of a response that a local one came after, as Envoy 1.40.0 has it.
func TestResponseInTheLog(t *testing.T) {
	for name, tt := range map[string]struct {
		code         []byte
		of           string
		header       string // :status by proxy_get_header_map_value
		attribute    string // by response.headers
		responseCode int64
	}{
		"before its headers passed": {localResponse(502), "headers", "502", "200", 502},
		"once they passed":          {localResponse(502), "body", "200", "200", 200},
	} {
		option := onHeaders("response", tt.code, i32(0))
		if tt.of == "body" {
			option = onBody("response", tt.code, i32(0))
		}
		g := newGuest(t, filter(option), VMConfig{})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		for _, step := range []step{requestHeaders1(true), responseHeaders(false), responseBody("x", true)} {
			if err := step(g, nil, s); err != nil {
				t.Fatal(err)
			}
		}
		s.logging = true
		if got, _ := s.loggable(mapResponseHeaders).Get(":status"); got != tt.header {
			t.Errorf("%s: header %s, want %s", name, got, tt.header)
		}
		if got, _ := s.derived([]string{"response", "headers", ":status"}); got != tt.attribute {
			t.Errorf("%s: attribute %v, want %s", name, got, tt.attribute)
		}
		if got, _ := s.derived([]string{"response", "code"}); got != tt.responseCode {
			t.Errorf("%s: code %v, want %d", name, got, tt.responseCode)
		}
	}
}
