// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRunUpstream: requests go to the URL, and its own Host.
func TestRunUpstream(t *testing.T) {
	rustFilter(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+r.URL.RequestURI())
	}))
	defer upstream.Close()
	r := startRun(t, "filter.wasm", "--upstream", upstream.URL+"/below")
	want := strings.TrimPrefix(upstream.URL, "http://") + "/below/a?b=c"
	if status, hello, body := r.get(t); status != 200 || hello != "world" || body != want {
		t.Errorf("%d %q %s, want %s", status, hello, body, want)
	}
	upstream.Close()
	if status, _, _ := r.get(t); status != http.StatusBadGateway || !strings.Contains(r.out.String(), "upstream ") {
		t.Errorf("%d %s", status, r.out)
	}
}

// TestEchoIsWhole: of a body nothing is missing, whether or not its length is known, and one that is too large is not cut.
func TestEchoIsWhole(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	for _, size := range []int{0, 600, 200_000, 1_000_000, maxEcho, maxEcho + 1} {
		sent := bytes.Repeat([]byte("z"), size)
		for _, body := range []io.Reader{bytes.NewReader(sent), io.MultiReader(bytes.NewReader(sent))} {
			answer, err := http.Post(server.URL, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			_, got, _ = bytes.Cut(got, []byte("\n\n"))
			if whole := answer.StatusCode == http.StatusOK && bytes.Equal(got, sent); err != nil || whole != (size <= maxEcho) ||
				!whole && answer.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%d of %d bytes, status %d, %v", len(got), size, answer.StatusCode, err)
			}
		}
	}
}
