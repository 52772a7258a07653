// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCurl(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("hello", "world")
		w.Header()["Date"] = nil
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte("no" + r.Header.Get("x-1") + "\n"))
	}))
	defer server.Close()
	const head = "HTTP/1.1 404 Not Found\ncontent-length: 3\ncontent-type: text/plain\nhello: world\n\n"
	for want, args := range map[string][]string{
		"no\n":        {"curl", "-s", server.URL},
		head + "no\n": {"curl", "-s", "-i", server.URL},
		"noway\n":     {"curl", "-s", "-H", "x-1: way", "-H", "x-2:", server.URL},
	} {
		var out bytes.Buffer
		if err := curl(t.Context(), args, &out); err != nil || out.String() != want {
			t.Errorf("%q: %v, %q, want %q", args, err, out.String(), want)
		}
	}
}
