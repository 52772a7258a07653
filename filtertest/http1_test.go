// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/host"
)

func TestParseHTTP1(t *testing.T) {
	tests := []struct {
		content string
		request bool
		want    host.Headers
		err     string
	}{
		{"GET /a?b=c HTTP/1.1\nHost: a.example\nX: 1\nx: 2\n", true, host.Headers{{":method", "GET"}, {":path", "/a?b=c"}, {":authority", "a.example"}, {"x", "1"}, {"x", "2"}}, ""},
		{"GET https://a.example:8080/a?b HTTP/1.1\r\nHost: other\r\n\r\n", true, host.Headers{{":method", "GET"}, {":scheme", "https"}, {":authority", "a.example:8080"}, {":path", "/a?b"}}, ""},
		{"GET https://a.example HTTP/1.1", true, host.Headers{{":method", "GET"}, {":scheme", "https"}, {":authority", "a.example"}, {":path", "/"}}, ""},
		{"GET / HTTP/1.1", true, host.Headers{{":method", "GET"}, {":path", "/"}}, ""},
		{"HTTP/1.1 204 No Content\nhost: kept\n", false, host.Headers{{":status", "204"}, {"host", "kept"}}, ""},
		{"HTTP/1.1 200", false, host.Headers{{":status", "200"}}, ""},
		{"", true, nil, "it is empty: begin with a line such as GET / HTTP/1.1, or HTTP/1.1 200 OK"},
		{"GET a HTTP/1.1", true, nil, `"a" is no target of a request: write a path that begins with /, or a URL with its host`},
		{"HTTP/1.1 OK", false, nil, `"HTTP/1.1 OK" is no first line of a response: write one such as HTTP/1.1 200 OK`},
		{"GET / HTTP/1.1\nno header\n", true, nil, `"no header" is no header: write name: value in one line`},
		{"GET / HTTP/1.1\n folded: x\n", true, nil, `" folded: x" is no header: write name: value in one line`},
	}
	for _, tt := range tests {
		got, err := parseHTTP1(tt.content, tt.request)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if diff := cmp.Diff([]any{tt.want, tt.err}, []any{got, text}); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.content, diff)
		}
	}
}

func TestCut(t *testing.T) {
	number, size := func(n int32) *testCase { return &testCase{NumChunks: &n} }, func(n int64) *testCase { return &testCase{ChunkSize: &n} }
	tests := []struct {
		content string
		c       *testCase
		want    []string
	}{
		{"abcdefg", &testCase{}, []string{"abcdefg"}},
		{"abcdefg", number(3), []string{"ab", "cd", "efg"}},
		{"ab", number(5), []string{"a", "b"}},
		{"", number(5), []string{""}},
		{"abcdefg", size(3), []string{"abc", "def", "g"}},
		{"abcdef", size(3), []string{"abc", "def"}},
		{"abc", size(1 << 40), []string{"abc"}},
		{"", size(3), []string{""}},
	}
	for _, tt := range tests {
		parts, err := cut([]byte(tt.content), tt.c)
		var got []string
		for _, part := range parts {
			got = append(got, string(part))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got)\n%s", tt.content, err, diff)
		}
	}
}
