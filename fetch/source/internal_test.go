// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/sleep"
)

// The registry client knows Docker Hub by a name that users do not write.
func TestNamesOfDockerHub(t *testing.T) {
	for _, key := range []string{"docker.io", "docker.io/team", "index.docker.io", "https://index.docker.io/v1/"} {
		secret := &corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{
			corev1.DockerConfigJsonKey: []byte(`{"auths":{"` + key + `":{"username":"a","password":"b"}}}`),
		}}
		for image, want := range map[string]bool{"team/filter": true, "docker.io/team/filter": true, "reg.example/team/filter": false} {
			repo, err := name.NewRepository(image)
			if err != nil {
				t.Fatal(err)
			}
			auth, err := authFor(t.Context(), secret, repo)
			if err != nil {
				t.Fatal(err)
			}
			if got := !(credentials{auth: auth}).anonymous(); got != want {
				t.Errorf("key %s for %s: %v, want %v", key, image, got, want)
			}
		}
	}
}

// Nothing about a host's name or address may lead to plain http.
func TestScheme(t *testing.T) {
	s := New(Options{PlainHTTPHosts: []string{"plain.example", "10.0.0.1:5000"}})
	tests := map[string]string{
		"reg.example/team/filter":     "https",
		"localhost:5000/team/filter":  "https",
		"127.0.0.1:5000/team/filter":  "https",
		"10.0.0.1/team/filter":        "https",
		"10.0.0.1:5000/team/filter":   "http",
		"192.168.1.1/team/filter":     "https",
		"reg.localhost/team/filter":   "https",
		"[::1]:5000/team/filter":      "https",
		"plain.example/team/filter":   "http",
		"plain.example:1/team/filter": "http",
	}
	for image, want := range tests {
		ref, err := s.parseImage(image)
		if err != nil {
			t.Errorf("%s: %v", image, err)
			continue
		}
		if got := s.scheme(ref.Context()); got != want {
			t.Errorf("%s: %s, want %s", image, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"-5":                            0,
		"soon":                          0,
		"30":                            30 * time.Second,
		"3601":                          time.Hour,
		"99999999999999999999":          0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"Sat, 02 Jan 2027 03:04:00 GMT": time.Hour,
	}
	for value, want := range tests {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

// What a server sends may hold anything; it may also be sent back what it was.
func TestForeignText(t *testing.T) {
	s := &session{credentials: credentials{values: []string{"s3cret", "dTpzM2NyZXQ="}}}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("boom"), "boom"},
		{"URL", &url.Error{Op: "Get", URL: "https://x?sig=abc", Err: errors.New("boom")}, "boom"},
		{"URL within", errors.New(`Get "https://x/y?sig=abc": boom, http://z?q`), `Get "https://x/y?…": boom, http://z?…`},
		{"lines", errors.New("boom\nand more"), "boom"},
		{"long", errors.New(strings.Repeat("x", 296) + "ä" + strings.Repeat("x", 99)), strings.Repeat("x", 296) + "…"},
		{"credentials", errors.New("you sent dTpzM2NyZXQ= (s3cret)"), "you sent REDACTED (REDACTED)"},
	}
	for _, tt := range tests {
		got := explainNetwork(t.Context(), tt.err, "get x", s.redact)
		if want := "get x: " + tt.want; got.Error() != want {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
		if !errors.Is(got, tt.err) {
			t.Errorf("%s: the cause is lost", tt.name)
		}
	}
}

// server stands for a server and the way to it: it answers each read of the body
// with some bytes after some time, unless the request ends first.
type server struct {
	chunk, chunks int // bytes, and how often they come
	every         time.Duration
	ctx           context.Context
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.ctx = req.Context()
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(s), Request: req}, nil
}

func (s *server) Read(p []byte) (int, error) {
	if err := sleep.For(s.ctx, s.every); err != nil {
		return 0, err
	}
	if s.chunks--; s.chunks < 0 {
		return 0, io.EOF
	}
	return min(s.chunk, len(p)), nil
}

// How long it takes to read what a server sends, and how much of it comes.
func TestRate(t *testing.T) {
	tests := []struct {
		name   string
		server server
		pause  time.Duration // of the reader, between two reads
		got    int
		slow   bool
		took   time.Duration
	}{
		{"nothing", server{every: time.Hour}, 0, 0, true, 30 * time.Second},
		{"the least that is enough", server{chunk: 16 << 10, chunks: 40, every: 7 * time.Second}, 0, 40 * 16 << 10, false, 41 * 7 * time.Second},
		{"a little less", server{chunk: 16 << 10, chunks: 40, every: 8 * time.Second}, 0, 3 * 16 << 10, true, 30 * time.Second},
		{"fast, then nothing", server{chunk: 64 << 10, chunks: 1, every: 25 * time.Second}, 0, 64 << 10, false, 50 * time.Second},
		{"little in all", server{chunk: 100, chunks: 2, every: 9 * time.Second}, 0, 200, false, 27 * time.Second},
		{"a reader that is slow itself", server{chunk: 1 << 10, chunks: 100, every: time.Millisecond}, time.Hour, 100 << 10, false, 101*time.Hour + 101*time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				got, err := readSlowly(t, &tt.server, tt.pause)
				slow := failure.Of(err) != nil && failure.Of(err).Reason == v1alpha1.ReasonUnavailable
				if got != tt.got || slow != tt.slow || (err != nil) != tt.slow {
					t.Errorf("read %d bytes, %v; want %d, too slow %v", got, err, tt.got, tt.slow)
				}
				if took := time.Since(begun); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if tt.server.ctx.Err() == nil {
					t.Error("the request is not over")
				}
			})
		})
	}
}

func readSlowly(t *testing.T, s *server, pause time.Duration) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://b.example/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&rateTransport{inner: s, window: DefaultSlowAfter}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	buffer, got := make([]byte, 64<<10), 0
	for {
		n, err := resp.Body.Read(buffer)
		got += n
		time.Sleep(pause)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}

// answering is a transport that answers everything with as many bytes.
type answering int

func (n answering) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.LimitReader(zeros{}, int64(n))), Request: req}, nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Whatever the registry client reads of an answer, it gets no byte above a limit,
// and an error instead.
func TestAnswersAreCapped(t *testing.T) {
	repo, err := name.NewRepository("reg.example/team/filter")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		url   string
		limit int // 0 = none
	}{
		{"https://reg.example/v2/", 1 << 20},
		{"https://reg.example/v2/team/filter/manifests/v1", 0}, // image.Verifier has one
		{"https://reg.example/v2/team/filter/blobs/sha256:00", 0},
		{"https://reg.example/v2/team/other/manifests/v1", 1 << 20},
		{"https://auth.example/token", 1 << 20},
		{"https://auth.example/v2/team/filter/blobs/sha256:00", 1 << 20},
	}
	for _, tt := range tests {
		for _, size := range []int{1 << 20, 1<<20 + 1, 4 << 20, 4<<20 + 1} {
			got, err := readAnswer(t, &registryTransport{inner: answering(size), repo: repo, scheme: "https"}, tt.url)
			if tt.limit == 0 || size <= tt.limit {
				if got != size || err != nil {
					t.Errorf("%s: read %d of %d bytes, %v", tt.url, got, size, err)
				}
				continue
			}
			if f := failure.Of(err); got != tt.limit || f == nil || f.Reason != v1alpha1.ReasonTooLarge || !f.Terminal {
				t.Errorf("%s: read %d of %d bytes, %v; want %d", tt.url, got, size, err, tt.limit)
			}
		}
	}
}

func readAnswer(t *testing.T, transport http.RoundTripper, url string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	n, err := io.Copy(io.Discard, resp.Body)
	return int(n), err
}

// What a certificate says of its owner is not for those who make wasmer connect there.
func TestNamesOfCertificatesAreNotRepeated(t *testing.T) {
	certificate := &x509.Certificate{DNSNames: []string{"secret.internal"}, Subject: pkix.Name{CommonName: "secret"}}
	for _, err := range []error{x509.HostnameError{Certificate: certificate, Host: "10.0.0.1"}, x509.UnknownAuthorityError{Cert: certificate}} {
		if got := networkText(t.Context(), &tls.CertificateVerificationError{Err: err}); strings.Contains(got, "secret") || !strings.HasPrefix(got, "x509: ") {
			t.Errorf("%T: %s", err, got)
		}
	}
}
