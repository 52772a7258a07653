// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/egress"
)

func serve(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }
}

func tarred(t *testing.T, files ...string) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, files[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestObjects(t *testing.T) {
	archive := tarred(t, "README", "about it", "plugin.wasm", string(filter))
	mux := http.NewServeMux()
	for path, content := range map[string][]byte{"/plain": filter, "/gz": gzipped(filter), "/tar": archive, "/targz": gzipped(archive)} {
		mux.HandleFunc(path, serve(content))
	}
	mux.HandleFunc("/moved", redirectTo("/plain"))
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(filter[:100])
		w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
		_, _ = w.Write(filter[100:])
	})
	server, _ := newServer(t, mux)
	s := newSources(t, nil)
	for _, path := range []string{"/plain", "/gz", "/tar", "/targz", "/moved", "/chunked"} {
		t.Run(path, func(t *testing.T) {
			resolved, got, err := read(t.Context(), s, objectRequest(server.URL+path, ""))
			if err != nil || !bytes.Equal(got, filter) {
				t.Fatalf("read %d bytes, %v", len(got), err)
			}
			if resolved.Reference != server.URL+path || resolved.Immutable || resolved.SHA256 != "" {
				t.Errorf("resolved to %+v", resolved)
			}
		})
	}
}

func TestDeclaredObjectNeedsNoRequest(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	resolved, err := newSources(t, nil).Resolve(t.Context(), objectRequest("https://nowhere.example/filter.wasm", hash))
	if err != nil {
		t.Fatal(err)
	}
	resolved.Open = nil
	want := source.Resolved{Reference: "https://nowhere.example/filter.wasm", Key: "https://nowhere.example/filter.wasm#" + hash, SHA256: hash, Immutable: true}
	if diff := cmp.Diff(want, *resolved); diff != "" {
		t.Error(diff)
	}
}

// A signature is a part of the request, and a credential.
func TestSignedURL(t *testing.T) {
	var requested string
	server, _ := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		requested = req.URL.RequestURI()
		if req.Method == http.MethodHead {
			w.WriteHeader(http.StatusForbidden) // it is signed for GET
			return
		}
		_, _ = w.Write(filter)
	}))
	s := newSources(t, nil)
	keys := map[string]bool{}
	for _, url := range []string{server.URL + "/x?X-Amz-Signature=" + signed, server.URL + "/x?X-Amz-Signature=" + signed + "2", server.URL + "/x?", server.URL + "/x#" + signed} {
		resolved, got, err := read(t.Context(), s, objectRequest(url, ""))
		if err != nil || !bytes.Equal(got, filter) {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
		noSecrets(t, resolved.Key+resolved.Reference)
		if resolved.Reference != server.URL+"/x" {
			t.Errorf("reference %s", resolved.Reference)
		}
		if !strings.HasPrefix(url, server.URL+requested) && !strings.HasSuffix(url, "?") {
			t.Errorf("requested %s, not %s", requested, url)
		}
		keys[resolved.Key] = true
	}
	if len(keys) != 3 {
		t.Errorf("%d keys for 3 requests: %v", len(keys), keys)
	}
}

func TestVersionsHaveKeys(t *testing.T) {
	var header http.Header
	server, _ := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
	}))
	s := newSources(t, nil)
	key := func(name, value string) string {
		header = http.Header{name: {value}}
		resolved, err := s.Resolve(t.Context(), objectRequest(server.URL, ""))
		if err != nil {
			t.Fatal(err)
		}
		return resolved.Key
	}
	one, again, two := key("ETag", `"1"`), key("ETag", `"1"`), key("ETag", `"2"`)
	if one != again || one == two {
		t.Errorf("keys %s, %s, %s", one, again, two)
	}
	if modified := key("Last-Modified", "Fri, 02 Jan 2026 03:05:05 GMT"); modified == one || modified == key("X", "y") {
		t.Errorf("key %s", modified)
	}
}

func TestObjectFailures(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    failed
		words   []string
	}{
		{"not found", status(404, ""), terminal(v1alpha1.ReasonNotFound), []string{"does not have it (404 Not Found)"}},
		{"gone", status(410, ""), terminal(v1alpha1.ReasonNotFound), nil},
		{"unauthorized", status(401, ""), terminal(v1alpha1.ReasonUnauthorized), nil},
		{"forbidden", status(403, ""), terminal(v1alpha1.ReasonUnauthorized), []string{"readable by everybody"}},
		{"rate limit", status(429, "", "Retry-After", "9"), failed{v1alpha1.ReasonRateLimited, false, 9 * time.Second}, nil},
		{"rate limit of a GET", headless(status(429, "", "Retry-After", "9")), failed{v1alpha1.ReasonRateLimited, false, 9 * time.Second}, nil},
		{"server error", status(500, ""), transient(v1alpha1.ReasonUnavailable), []string{"500 Internal Server Error"}},
		{"maintenance", status(503, "", "Retry-After", "9"), failed{v1alpha1.ReasonUnavailable, false, 9 * time.Second}, nil},
		{"a part", status(206, ""), transient(v1alpha1.ReasonUnavailable), []string{"206 Partial Content"}},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, transient(v1alpha1.ReasonUnavailable), nil},
		{"redirect to nowhere", status(302, ""), transient(v1alpha1.ReasonUnavailable), nil},
		{"encoded", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(gzipped(filter))
		}, terminal(v1alpha1.ReasonInvalidSource), []string{"Content-Encoding"}},
		{"100 GB declared", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000000000")
			_, _ = w.Write(filter)
		}, terminal(v1alpha1.ReasonTooLarge), []string{"has 100000000000 bytes"}},
		{"one byte too many", serve(make([]byte, limit+1)), terminal(v1alpha1.ReasonTooLarge), nil},
		{"endless", headless(endless), terminal(v1alpha1.ReasonTooLarge), nil},
		{"bomb", serve(gzipped(make([]byte, 2*limit))), terminal(v1alpha1.ReasonTooLarge), nil},
		{"archive without a module", serve(tarred(t, "README", "about nothing")), terminal(v1alpha1.ReasonUnsupportedImage), nil},
		{"cut off", headless(cutOff), transient(v1alpha1.ReasonUnavailable), []string{"the connection ended before the content did"}},
		{"cut off between chunks", headless(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(filter)
			w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
			panic(http.ErrAbortHandler)
		}), transient(v1alpha1.ReasonUnavailable), []string{"the connection ended before the content did"}},
		{"redirect to the metadata service", redirectTo("http://169.254.169.254/latest/" + signed), terminal(v1alpha1.ReasonAddressRefused), []string{"169.254.169.254"}},
		{"redirect to Alibaba's", redirectTo("http://100.100.100.200/"), terminal(v1alpha1.ReasonAddressRefused), nil},
		{"redirect to a file", redirectTo("file:///etc/passwd"), terminal(v1alpha1.ReasonAddressRefused), nil},
		{"redirect without end", redirectTo("/again"), transient(v1alpha1.ReasonUnavailable), []string{"more than 5 redirects"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, _ := newServer(t, tt.handler)
			_, _, err := read(t.Context(), newSources(t, nil), objectRequest(server.URL+"/x?token="+signed, ""))
			wantFailure(t, err, tt.want, append(tt.words, "get "+server.URL+"/x: ")...)
		})
	}
}

// A file may be a MiB larger than the module that it carries, whether or not it
// declares its size.
func TestFileThatIsMuchLargerThanItsModule(t *testing.T) {
	for name, others := range map[string]int{"a little": 1 << 19, "much": 3 << 20} {
		archive := tarred(t, "README", strings.Repeat("x", others), "plugin.wasm", string(filter))
		server, _ := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
			_, _ = w.Write(archive)
		}))
		s := source.New(source.Options{Guard: egress.Options{AllowLoopback: true}, MaxModuleBytes: 1 << 20})
		_, got, err := read(t.Context(), s, objectRequest(server.URL, ""))
		s.CloseIdleConnections()
		if name == "much" {
			wantFailure(t, err, terminal(v1alpha1.ReasonTooLarge), "the file is larger than 2 MiB")
		} else if err != nil || !bytes.Equal(got, filter) {
			t.Errorf("%s: read %d bytes, %v", name, len(got), err)
		}
	}
}

func TestModuleOfExactlyTheLimit(t *testing.T) {
	for name, content := range map[string][]byte{
		"plain":  make([]byte, limit),
		"tar":    tarred(t, "plugin.wasm", strings.Repeat("x", limit)),
		"packed": gzipped(make([]byte, limit)),
	} {
		server, _ := newServer(t, serve(content))
		_, got, err := read(t.Context(), newSources(t, nil), objectRequest(server.URL, ""))
		if err != nil || len(got) != limit {
			t.Errorf("%s: read %d bytes, %v", name, len(got), err)
		}
	}
}

func TestInvalidObjects(t *testing.T) {
	tests := []struct {
		name, url, sha256 string
		want              failed
	}{
		{"relative", "/filter.wasm", "", terminal(v1alpha1.ReasonInvalidSource)},
		{"no scheme", "bucket.example/filter.wasm", "", terminal(v1alpha1.ReasonInvalidSource)},
		{"other scheme", "ftp://bucket.example/filter.wasm", "", terminal(v1alpha1.ReasonInvalidSource)},
		{"no host", "https:///filter.wasm", "", terminal(v1alpha1.ReasonInvalidSource)},
		{"only a port", "https://:443/filter.wasm", "", terminal(v1alpha1.ReasonInvalidSource)},
		{"broken", "https://bucket.example/%zz" + signed, "", terminal(v1alpha1.ReasonInvalidSource)},
		{"user information", "https://u:" + password + "@bucket.example/x", "", terminal(v1alpha1.ReasonInvalidSource)},
		{"short hash", "https://bucket.example/x", "abcd", terminal(v1alpha1.ReasonInvalidSource)},
		{"upper-case hash", "https://bucket.example/x", strings.Repeat("AB", 32), terminal(v1alpha1.ReasonInvalidSource)},
		{"metadata service", "http://169.254.169.254/x", strings.Repeat("ab", 32), terminal(v1alpha1.ReasonAddressRefused)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newSources(t, nil).Resolve(t.Context(), objectRequest(tt.url, tt.sha256))
			wantFailure(t, err, tt.want)
		})
	}
}

func TestObjectThatIsSlow(t *testing.T) {
	server, _ := newServer(t, headless(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(filter)))
		_, _ = w.Write(filter[:100])
		w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
		<-req.Context().Done()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := read(ctx, newSources(t, nil), objectRequest(server.URL, ""))
	wantFailure(t, err, transient(v1alpha1.ReasonUnavailable), "no answer in time")
}

// A reader that closes the stream early ends the download.
func TestClosingEndsTheDownload(t *testing.T) {
	ended := make(chan struct{})
	server, _ := newServer(t, headless(func(w http.ResponseWriter, req *http.Request) {
		_, _ = w.Write(filter)
		w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
		<-req.Context().Done()
		close(ended)
	}))
	resolved, err := newSources(t, nil).Resolve(t.Context(), objectRequest(server.URL, ""))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := resolved.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the download goes on")
	}
}

func TestRedirectOfAnObjectThatLeavesTLS(t *testing.T) {
	plain, _ := newServer(t, serve(filter))
	secure := httptest.NewTLSServer(redirectTo(plain.URL))
	defer secure.Close()
	s := newSourcesWith(t, source.Options{Guard: egress.Options{InsecureHosts: []string{"127.0.0.1"}}})
	_, _, err := read(t.Context(), s, objectRequest(secure.URL, ""))
	wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "leaves TLS")
}

func TestObjectOnAHostThatIsNotAllowed(t *testing.T) {
	s := newSourcesWith(t, source.Options{Guard: egress.Options{AllowHosts: egress.Hosts{"*.example"}}})
	_, err := s.Resolve(t.Context(), objectRequest("https://elsewhere.test/x", strings.Repeat("ab", 32)))
	wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "--allow-hosts")
}

// What is read is what the hash is of, whatever it was packed in.
func TestHashIsOfTheModule(t *testing.T) {
	sum := sha256.Sum256(filter)
	server, _ := newServer(t, serve(gzipped(filter)))
	resolved, got, err := read(t.Context(), newSources(t, nil), objectRequest(server.URL, hex.EncodeToString(sum[:])))
	if err != nil {
		t.Fatal(err)
	}
	if hash := sha256.Sum256(got); resolved.SHA256 != hex.EncodeToString(hash[:]) {
		t.Error("another hash")
	}
}
