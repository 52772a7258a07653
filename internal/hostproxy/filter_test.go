// SPDX-License-Identifier: Apache-2.0

package hostproxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/host"
)

// result is an answer as far as filters change it.
type result struct {
	Code  int
	Hello string
	Body  string
}

func rust(t *testing.T) []byte {
	t.Helper()
	wasm, err := os.ReadFile("../../examples/add-header-rust/add-header.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// echo answers with the request's path, its header x-mine, and its body.
func echo(t *testing.T) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, r.URL.RequestURI()+" "+r.Header.Get("X-Mine")+" "+string(body))
	}
}

// start returns the URL of a filter before a server that answers with the request's path and body.
func start(t *testing.T, o Options) (*Filter, string) {
	t.Helper()
	o.PauseTimeout = 100 * time.Millisecond
	if o.Next == nil {
		o.Next = http.HandlerFunc(echo(t))
	}
	if o.Log == nil {
		o.Log = func(host.Line) {}
	}
	f, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		server.Close()
		f.Close()
	})
	return f, server.URL
}

// post sends a request, which has as many headers x-more.
func post(t *testing.T, url, body string, more ...string) result {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/a?b=c", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Mine", "mine")
	request.Header["X-More"] = more
	answer, err := http.DefaultClient.Do(request)
	if errors.Is(err, io.EOF) {
		return result{} // the connection was closed
	}
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return result{answer.StatusCode, answer.Header.Get("hello"), string(content)}
}

// TestServe: requests and responses pass the filter, side by side.
func TestServe(t *testing.T) {
	f, url := start(t, Options{Wasm: rust(t), Configuration: []byte("there")})
	if err := f.Failure(); err != nil {
		t.Fatal(err)
	}
	done := make(chan result)
	for range 8 {
		go func() { done <- post(t, url, "text") }()
	}
	for range 8 {
		if diff := cmp.Diff(result{http.StatusCreated, "there", "/a?b=c mine text"}, <-done); diff != "" {
			t.Error(diff)
		}
	}
}

// TestResponsesThatAreNotWhole get 502 in their place, which passes the filter, and a line that says why.
func TestResponsesThatAreNotWhole(t *testing.T) {
	for want, handler := range map[string]http.HandlerFunc{
		"upstream: the response has more than 16 MiB": func(w http.ResponseWriter, _ *http.Request) {
			if _, err := w.Write(make([]byte, maxBody+1)); err != nil {
				panic(http.ErrAbortHandler)
			}
		},
		"upstream: the response breaks off": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "some")
			panic(http.ErrAbortHandler)
		},
	} {
		var lines []string
		_, url := start(t, Options{Wasm: rust(t), Next: handler, Log: func(line host.Line) { lines = append(lines, line.Message) }})
		if diff := cmp.Diff(result{http.StatusBadGateway, "world", ""}, post(t, url, "text")); diff != "" {
			t.Error(diff)
		}
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in %q", want, lines)
		}
	}
}

// TestPaths: a path arrives as it was sent.
func TestPaths(t *testing.T) {
	_, url := start(t, Options{Wasm: rust(t)})
	for _, path := range []string{"/", "//b", "/b%2Fc/./d//"} {
		if diff := cmp.Diff(result{http.StatusCreated, "world", path + "/a?b=c mine text"}, post(t, url+path, "text")); diff != "" {
			t.Error(diff)
		}
	}
}

// TestRefused: what the filter logs of a configuration that it refuses is logged once, and requests get 503.
func TestRefused(t *testing.T) {
	var lines []string
	f, url := start(t, Options{
		Wasm: rust(t), Configuration: []byte("two\nlines"), LogLevel: host.LevelError,
		Log: func(line host.Line) { lines = append(lines, line.Level.String()+" "+line.Message) },
	})
	for range 2 {
		if got := post(t, url, ""); got.Code != http.StatusServiceUnavailable {
			t.Errorf("%+v", got)
		}
	}
	if err := f.Failure(); err == nil || !strings.Contains(err.Error(), "proxy_on_configure") {
		t.Errorf("failure %v", err)
	}
	if diff := cmp.Diff([]string{`error the configuration is no value of a header: "two\nlines"`}, lines); diff != "" {
		t.Error(diff)
	}
}

// calling is a filter that calls a function of the host for a request, with constants as its arguments, and returns a result.
func calling(name string, result byte, args ...[]byte) []byte {
	var body []byte
	for _, arg := range args {
		body = append(append(body, 0x41), arg...) // i32.const
	}
	body = append(body, 0x10, 0, 0x1a, 0x41, result) // call, drop, i32.const
	return wasmtest.Module(wasmtest.NoImports(), wasmtest.Import("env", name, strings.Repeat("i", len(args))+":i"),
		wasmtest.Function("proxy_on_request_headers", "iii:i", body...))
}

// TestFilterAnswers: what a client gets where the request does not reach the handler.
func TestFilterAnswers(t *testing.T) {
	const pause = 1
	zero, teapot, request := []byte{0}, []byte{0xa2, 0x03}, []byte{0}
	for name, tt := range map[string]struct {
		wasm []byte
		code int // 0 for none
	}{
		"traps":        {wasmtest.Module(wasmtest.Export("proxy_on_request_headers", "iii:i")), http.StatusServiceUnavailable},
		"pauses":       {wasmtest.Module(wasmtest.Function("proxy_on_request_headers", "iii:i", 0x41, pause)), http.StatusGatewayTimeout},
		"answers":      {calling("proxy_send_local_response", pause, teapot, zero, zero, zero, zero, zero, zero, []byte{0x7f}), http.StatusTeapot},
		"calls out":    {calling("proxy_http_call", pause, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero), http.StatusGatewayTimeout},
		"closes":       {calling("proxy_close_stream", pause, request), 0},
		"lets it pass": {wasmtest.Module(wasmtest.Function("proxy_on_request_headers", "iii:i", 0x41, 0)), http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			f, url := start(t, Options{Wasm: tt.wasm})
			for range 2 {
				if err := f.Failure(); err != nil {
					t.Fatal(err)
				}
				if got := post(t, url, ""); got.Code != tt.code {
					t.Errorf("%+v, want %d", got, tt.code)
				}
			}
		})
	}
}

// TestRestarts: after a trap, the filter is started again for the next request.
func TestRestarts(t *testing.T) {
	_, url := start(t, Options{Wasm: wasmtest.Module(wasmtest.TrapOnHeaders(30))})
	for range 2 {
		if got := post(t, url, "", make([]string, 30)...); got.Code != http.StatusServiceUnavailable {
			t.Errorf("a request that traps: %+v", got)
		}
		if got := post(t, url, ""); got.Code != http.StatusCreated {
			t.Errorf("the next one: %+v", got)
		}
	}
}

func TestNotAModule(t *testing.T) {
	if f, err := New(t.Context(), Options{Wasm: []byte("text")}); err == nil {
		f.Close()
		t.Error("text is a module")
	}
}
