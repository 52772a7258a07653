// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestScheme(t *testing.T) {
	tests := []struct {
		host    string
		options transportOptions
		want    string
	}{
		{"localhost", transportOptions{}, "http"},
		{"localhost:5000", transportOptions{}, "http"},
		{"127.0.0.1:5000", transportOptions{}, "http"},
		{"[::1]", transportOptions{}, "http"},
		{"[::1]:5000", transportOptions{}, "http"},
		{"localhost:5000", transportOptions{insecure: true}, "https"},
		{"localhost:5000", transportOptions{caFile: "x"}, "https"},
		{"10.0.0.1:5000", transportOptions{}, "https"},
		{"192.168.1.1", transportOptions{}, "https"},
		{"registry.local", transportOptions{}, "https"},
		{"localhost.example", transportOptions{}, "https"},
		{"reg.example", transportOptions{}, "https"},
		{"reg.example", transportOptions{plainHTTP: true}, "http"},
	}
	for _, tt := range tests {
		if got := tt.options.scheme(tt.host); got != tt.want {
			t.Errorf("scheme(%s) with %+v = %s, want %s", tt.host, tt.options, got, tt.want)
		}
	}
}

// The registry library also calls a private address by HTTP.
func TestSchemeTransport(t *testing.T) {
	tests := []struct {
		scheme, url string
		called      bool
	}{
		{"https", "http://10.0.0.1:5000/v2/", false},
		{"http", "https://10.0.0.1:5000/v2/", false},
		{"https", "https://10.0.0.1:5000/v2/", true},
		{"http", "http://10.0.0.1:5000/v2/", true},
		{"http", "https://blobs.example/x", true},
		{"https", "http://blobs.example/x", true},
	}
	for _, tt := range tests {
		called := false
		transport := &schemeTransport{host: "10.0.0.1:5000", scheme: tt.scheme, next: roundTripper(func(*http.Request) (*http.Response, error) {
			called = true
			return nil, io.EOF
		})}
		if _, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, tt.url, nil)); err == nil {
			t.Error("no error")
		}
		if called != tt.called {
			t.Errorf("by %s only, %s was called: %v", tt.scheme, tt.url, called)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The library would race HTTP against HTTPS here.
func TestAPrivateAddressIsNotCalledByHTTP(t *testing.T) {
	var called []string
	transport := &schemeTransport{host: "10.0.0.1:5000", scheme: "https", next: roundTripper(func(r *http.Request) (*http.Response, error) {
		called = append(called, r.URL.String())
		return nil, errors.New("refused")
	})}
	ref, err := parseReference("10.0.0.1:5000/team/a:v1")
	if err != nil || ref.Context().RegistryStr() != "10.0.0.1:5000" {
		t.Fatal(ref, err)
	}
	_, err = getArtifact(ref, []remote.Option{remote.WithContext(t.Context()), remote.WithTransport(transport)})
	if err == nil || err.Error() != "GET https://10.0.0.1:5000/v2/: refused" {
		t.Errorf("error = %v", err)
	}
	for _, url := range called {
		if url != "https://10.0.0.1:5000/v2/" {
			t.Errorf("called %s", url)
		}
	}
}

func TestTLS(t *testing.T) {
	at(t)
	server := httptest.NewUnstartedServer(handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	write(t, "a.wasm", wasm)
	write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	write(t, "none.pem", []byte("no certificate"))
	push := []string{"push", host + "/team/a:v1", "-f", "a.wasm"}

	succeed(t, append(push, "--insecure")...)
	succeed(t, append(push, "--ca-file", "ca.pem")...)
	for _, tt := range []struct{ name, flag, value, want string }{
		{"plain HTTP", "--plain-http", "", "hint: the registry speaks HTTPS: use --ca-file or --insecure\n"},
		{"no certificate in the file", "--ca-file", "none.pem", "read --ca-file none.pem: it holds no certificate in PEM\n"},
		{"no file", "--ca-file", "absent.pem", "read --ca-file: open absent.pem: no such file or directory\n"},
	} {
		args := append(push, tt.flag)
		if tt.value != "" {
			args = append(args, tt.value)
		}
		if got := wasmc(t, "", args...); got.Code != exitFailed || !strings.HasSuffix(got.Err, tt.want) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestAnUntrustedCertificateHints(t *testing.T) {
	at(t)
	server := httptest.NewUnstartedServer(handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	write(t, "ca.pem", foreignAuthority(t))
	got := wasmc(t, "", "pull", strings.TrimPrefix(server.URL, "https://")+"/team/a:v1", "--ca-file", "ca.pem")
	if got.Code != exitFailed || !strings.HasSuffix(got.Err, "hint: the registry's certificate is not trusted: name its authority with --ca-file\n") {
		t.Errorf("%+v", got)
	}
}

// foreignAuthority has not signed the certificates of test servers.
func foreignAuthority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}

func TestHTTPSToAPlainRegistryHints(t *testing.T) {
	at(t)
	host := newRegistry(t)
	got := wasmc(t, "", "pull", host+"/team/a:v1", "--insecure")
	want := fmt.Sprintf("wasmc: pull %[1]s/team/a:v1: GET https://%[1]s/v2/: tls: first record does not look like a TLS handshake\n"+
		"hint: the registry speaks HTTP: allow it with --plain-http\n", host)
	expect(t, result{Code: exitFailed, Err: want}, got)
}
