// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/fetch/store"
)

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *store.Store, data []byte) module.Info {
	t.Helper()
	info, err := s.Put(context.Background(), bytes.NewReader(data), "", store.Claim{})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// start serves on a free port until the test ends, as the server itself does.
func start(t testing.TB, o serve.Options) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := serve.New(o)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

// client does not follow redirects and says what it accepts, as Envoy does.
func client(t testing.TB, protocols *http.Protocols) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func h1() *http.Protocols { p := new(http.Protocols); p.SetHTTP1(true); return p }

func h2c() *http.Protocols { p := new(http.Protocols); p.SetUnencryptedHTTP2(true); return p }

// reply is what a test compares.
type reply struct {
	Code   int
	Proto  int
	Header map[string]string
	Hash   string // of the body
}

func send(t testing.TB, c *http.Client, method, url string, header ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := reply{Code: response.StatusCode, Proto: response.ProtoMajor, Hash: hashOf(body), Header: map[string]string{}}
	for name, values := range response.Header {
		if name != "Date" {
			got.Header[name] = strings.Join(values, "|")
		}
	}
	return got
}

func moduleHeader(info module.Info) map[string]string {
	return map[string]string{
		"Content-Type": "application/wasm", "Content-Length": strconv.FormatInt(info.Size, 10), "Etag": `"` + info.SHA256 + `"`,
		"Cache-Control": "public, max-age=31536000, immutable", "Accept-Ranges": "bytes",
	}
}

func TestAModuleIsServed(t *testing.T) {
	s := newStore(t)
	info := put(t, s, wasmtest.Module(wasmtest.Padding(9<<20)))
	url := start(t, serve.Options{Store: s}) + "/wasm/" + info.SHA256
	for proto, protocols := range map[int]*http.Protocols{1: h1(), 2: h2c()} {
		for method, hash := range map[string]string{http.MethodGet: info.SHA256, http.MethodHead: hashOf(nil)} {
			got := send(t, client(t, protocols), method, url, "Accept-Encoding", "gzip, br")
			want := reply{Code: 200, Proto: proto, Hash: hash, Header: moduleHeader(info)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s over HTTP/%d (-want +got):\n%s", method, proto, diff)
			}
		}
	}
}

func TestConditionsAndRanges(t *testing.T) {
	s := newStore(t)
	data := wasmtest.Module(wasmtest.Padding(5000))
	info := put(t, s, data)
	url := start(t, serve.Options{Store: s}) + "/wasm/" + info.SHA256
	tests := []struct {
		name   string
		header []string
		code   int
		body   []byte
	}{
		{"what the client has", []string{"If-None-Match", `"` + info.SHA256 + `"`}, 304, nil},
		{"what the client has not", []string{"If-None-Match", `"other"`}, 200, data},
		{"a range", []string{"Range", "bytes=4-7"}, 206, data[4:8]},
		{"the whole as a range", []string{"Range", "bytes=0-"}, 206, data},
		{"no range", []string{"Range", "bytes=9-1"}, 416, []byte("invalid range\n")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := send(t, client(t, h1()), http.MethodGet, url, tt.header...)
			if got.Code != tt.code || got.Hash != hashOf(tt.body) {
				t.Errorf("%+v, want %d with %d bytes", got, tt.code, len(tt.body))
			}
		})
	}
}

func TestEverythingElseIsRefused(t *testing.T) {
	s := newStore(t)
	sha := put(t, s, wasmtest.Module()).SHA256
	unknown := hashOf(nil)
	url := start(t, serve.Options{Store: s})
	tests := []struct {
		name, method, path string
		code               int
	}{
		{"an unknown module", "GET", "/wasm/" + unknown, 404},
		{"upper case", "GET", "/wasm/" + strings.ToUpper(sha), 400},
		{"too short", "GET", "/wasm/" + sha[1:], 400},
		{"too long", "GET", "/wasm/" + sha + "0", 400},
		{"an extension", "GET", "/wasm/" + sha + ".wasm", 400},
		{"a slash behind", "GET", "/wasm/" + sha + "/", 400},
		{"nothing", "GET", "/wasm/", 400},
		{"a record", "GET", "/wasm/" + sha + ".json", 400},
		{"a way out", "GET", "/wasm/../sha256/" + sha, 400},
		{"a hidden way out", "GET", "/wasm/..%2f..%2fetc%2fpasswd", 400},
		{"no clean path", "GET", "//wasm/" + sha, 404},
		{"elsewhere", "GET", "/", 404},
		{"posted", "POST", "/wasm/" + sha, 405},
		{"deleted", "DELETE", "/wasm/" + sha, 405},
		{"alive", "GET", "/healthz", 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := send(t, client(t, h1()), tt.method, url+tt.path)
			if got.Code != tt.code {
				t.Errorf("%d, want %d", got.Code, tt.code)
			}
			if got.Code == 405 && got.Header["Allow"] != "GET, HEAD" {
				t.Errorf("Allow = %q", got.Header["Allow"])
			}
			if got.Code != 200 && got.Header["Cache-Control"] != "no-store" {
				t.Errorf("a refusal may be cached: %v", got.Header)
			}
		})
	}
}

// A query changes nothing: proxies may add one to get past caches.
func TestAQueryIsIgnored(t *testing.T) {
	s := newStore(t)
	sha := put(t, s, wasmtest.Module()).SHA256
	url := start(t, serve.Options{Store: s})
	if got := send(t, client(t, h1()), "GET", url+"/wasm/"+sha+"?nonce=1"); got.Code != 200 {
		t.Errorf("%d", got.Code)
	}
}

// The handler may stand behind other handlers, whose writers know no deadlines.
func TestAnyWriterWillDo(t *testing.T) {
	s := newStore(t)
	info := put(t, s, wasmtest.Module(wasmtest.Padding(9<<20)))
	recorder := httptest.NewRecorder()
	serve.New(serve.Options{Store: s}).ServeHTTP(recorder, httptest.NewRequest("GET", "/wasm/"+info.SHA256, http.NoBody))
	if recorder.Code != 200 || hashOf(recorder.Body.Bytes()) != info.SHA256 {
		t.Errorf("%d with %d bytes", recorder.Code, recorder.Body.Len())
	}
}
