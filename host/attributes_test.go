// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"
	"time"
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

// How long the upstream took is known once all of its response has come, and never of a local one.
func TestBackendLatency(t *testing.T) {
	for name, tt := range map[string]struct {
		wasm  []byte
		steps []step
		want  any
	}{
		"a whole response":       {filter(), []step{requestHeaders1(true), responseHeaders(true)}, 2 * time.Second},
		"with a body":            {filter(), []step{requestHeaders1(true), responseHeaders(false), responseBody("x", true)}, 5 * time.Second},
		"a part of it":           {filter(), []step{requestHeaders1(true), responseHeaders(false)}, nil},
		"a local one":            {filter(onHeaders("request", localResponse(403), i32(0))), []step{requestHeaders1(true)}, nil},
		"a request that is held": {filter(onHeaders("request", i32(1))), []step{requestHeaders1(true), responseHeaders(true)}, nil},
	} {
		now := time.Unix(0, 0)
		g := newGuest(t, tt.wasm, VMConfig{Proxy: Proxy{Now: func() time.Time { return now }}})
		s := g.stream(g.plugin(PluginConfig{}), StreamConfig{})
		for n, step := range tt.steps {
			now = now.Add(time.Duration(n+1) * time.Second)
			if err := step(g, nil, s); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := s.derived([]string{"response", "backend_latency"})
		if ok != (tt.want != nil) || ok && got != tt.want {
			t.Errorf("%s: %v, %t, want %v", name, got, ok, tt.want)
		}
	}
}
