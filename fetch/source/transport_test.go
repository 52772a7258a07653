// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/egress"
)

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// reset sends a little and breaks the connection with an RST.
func reset(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", strconv.FormatInt(layerSize(), 10))
	_, _ = w.Write([]byte("only this"))
	w.(http.Flusher).Flush()                   //nolint:forcetypeassert // it is one
	conn, _, err := w.(http.Hijacker).Hijack() //nolint:forcetypeassert // it is one
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0) //nolint:forcetypeassert // it is one
	_ = conn.Close()
}

// A message goes into the status, which is written again whenever it changes: it
// names neither our own port, which is another each time, nor addresses.
func TestMessagesNameNoAddresses(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	broken, _ := newServer(t, headless(reset))
	registry := newRegistry(t, open)
	registry.push(t, "team/filter:v1", filterImage(t, filter))
	registry.interfere = at("/blobs/", reset)
	ping := newRegistry(t, open)
	ping.interfere = at("/v2/", reset)
	tests := []struct {
		name, message, host string
		send                func() error
	}{
		{"an object", "get http://HOST/x: read: connection reset by peer", strings.TrimPrefix(broken.URL, "http://"), func() error {
			_, _, err := read(t.Context(), newSources(t, nil), objectRequest(broken.URL+"/x", ""))
			return err
		}},
		{"an object that is not served", "get http://HOST/x: dial: connect: connection refused", strings.TrimPrefix(closed.URL, "http://"), func() error {
			_, _, err := read(t.Context(), newSources(t, nil), objectRequest(closed.URL+"/x", ""))
			return err
		}},
		{"a layer", "read HOST/team/filter@sha256:DIGEST: read: connection reset by peer", registry.host, func() error {
			_, _, err := read(t.Context(), newSources(t, nil, registry.host), imageRequest(registry.host+"/team/filter:v1", ""))
			return err
		}},
		{"a registry's /v2/", "look up HOST/team/filter:v1: read: connection reset by peer", ping.host, func() error {
			_, _, err := read(t.Context(), newSources(t, nil, ping.host), imageRequest(ping.host+"/team/filter:v1", ""))
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.send()
			wantFailure(t, err, transient(v1alpha1.ReasonUnavailable))
			got := digests.ReplaceAllString(strings.ReplaceAll(err.Error(), tt.host, "HOST"), "sha256:DIGEST")
			if got != tt.message {
				t.Errorf("message %q, want %q", got, tt.message)
			}
		})
	}
}

// A registry on this machine is one for which the registry client would try plain
// http.
func TestRegistryWithTLS(t *testing.T) {
	r := newRegistry(t, basicAuth)
	r.push(t, "team/filter:v1", filterImage(t, filter))
	secure := httptest.NewUnstartedServer(r)
	secure.Config.ErrorLog = silent
	secure.StartTLS()
	defer secure.Close()
	host := strings.TrimPrefix(secure.URL, "https://")
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	tests := []struct {
		name    string
		options source.Options
		want    *failed
	}{
		{"its authority", source.Options{Guard: egress.Options{RootCAs: pool}}, nil},
		{"insecure", source.Options{Guard: egress.Options{InsecureHosts: []string{host}}}, nil},
		{"another insecure host", source.Options{Guard: egress.Options{InsecureHosts: []string{"reg.example"}}}, &failed{v1alpha1.ReasonUnavailable, false, 0}},
		{"declared as plain", source.Options{Guard: egress.Options{RootCAs: pool}, PlainHTTPHosts: []string{host}}, &failed{v1alpha1.ReasonUnavailable, false, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Reader = cluster{pullSecret(password, host)}
			s := newSourcesWith(t, tt.options)
			_, got, err := read(t.Context(), s, imageRequest(host+"/team/filter:v1", "regcred"))
			if tt.want != nil {
				wantFailure(t, err, *tt.want)
			} else if err != nil || !bytes.Equal(got, filter) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestRedirectOfARegistryThatLeavesTLS(t *testing.T) {
	r := newRegistry(t, open)
	r.push(t, "team/filter:v1", filterImage(t, filter))
	plain := "http://" + r.host
	secure := httptest.NewTLSServer(r)
	defer secure.Close()
	r.interfere = at("/manifests/", redirectTo(plain+"/v2/team/filter/elsewhere"))
	s := newSourcesWith(t, source.Options{Guard: egress.Options{InsecureHosts: []string{"127.0.0.1"}}})
	_, err := s.Resolve(t.Context(), imageRequest(strings.TrimPrefix(secure.URL, "https://")+"/team/filter:v1", ""))
	wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "leaves TLS")
}

// The check when dialling is the only one that a name cannot get around; its error
// must come through the registry client.
func TestNameOfADeniedAddress(t *testing.T) {
	r := newRegistry(t, open)
	host := strings.Replace(r.host, "127.0.0.1", "localhost", 1)
	denied := egress.Options{DenyCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}
	for name, plain := range map[string][]string{"plain": {host}, "TLS": nil} {
		s := newSourcesWith(t, source.Options{Guard: denied, PlainHTTPHosts: plain})
		_, err := s.Resolve(t.Context(), imageRequest(host+"/team/filter:v1", ""))
		wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "it is in the denied range")
		_, err = s.Resolve(t.Context(), objectRequest("http://"+host+"/x?"+signed, ""))
		wantFailure(t, err, terminal(v1alpha1.ReasonAddressRefused), "it is in the denied range")
		if requests := r.received(); len(requests) > 0 {
			t.Errorf("%s: asked for %v", name, requests)
		}
	}
}

func TestInvalidImages(t *testing.T) {
	for _, image := range []string{"", "UPPER/case", "reg.example/team/filter:v 1", "reg.example/team/filter@sha256:abc", "reg.example/a/b@md5:" + strings.Repeat("0", 32), "https://reg.example/team/filter:v1", "reg.example/team/filter:" + strings.Repeat("x", 200)} {
		_, err := newSources(t, nil).Resolve(t.Context(), imageRequest(image, ""))
		wantFailure(t, err, terminal(v1alpha1.ReasonInvalidSource), "is not a reference such as registry.example/team/filter:v1")
	}
}

// longContext ends much later than requests to these servers should.
func longContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// trickle sends a byte each millisecond, until the request ends.
func trickle(w http.ResponseWriter, req *http.Request) {
	for req.Context().Err() == nil {
		if _, err := w.Write([]byte{0}); err != nil {
			return
		}
		w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
		time.Sleep(time.Millisecond)
	}
}

// stall sends nothing after its headers.
func stall(w http.ResponseWriter, req *http.Request) {
	w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
	<-req.Context().Done()
}

// A request to a server that sends too slowly fails long before its context ends.
func TestSlowRegistries(t *testing.T) {
	tests := map[string]struct {
		path    string
		handler http.HandlerFunc
	}{
		"a layer":            {"/blobs/", trickle},
		"a layer, stalled":   {"/blobs/", stall},
		"a manifest":         {"/manifests/", headless(trickle)},
		"a manifest, stalld": {"/manifests/", headless(stall)},
		"a token":            {"/token", trickle},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, bearerAuth)
			r.push(t, "team/filter:v1", filterImage(t, filter))
			r.interfere = at(tt.path, tt.handler)
			s := newSourcesWith(t, source.Options{Reader: cluster{pullSecret(password, r.host)}, PlainHTTPHosts: []string{r.host}, SlowAfter: 100 * time.Millisecond})
			begun := time.Now()
			_, _, err := read(longContext(t), s, imageRequest(r.host+"/team/filter:v1", "regcred"))
			wantFailure(t, err, transient(v1alpha1.ReasonUnavailable), r.host+" is too slow: it sent less than 64 KiB within 100ms")
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestSlowObjects(t *testing.T) {
	packed := func(w http.ResponseWriter, req *http.Request) { // little that unpacks to much
		zeros := gzipped(make([]byte, limit-1))
		for i := 0; i < len(zeros) && req.Context().Err() == nil; i++ {
			_, _ = w.Write(zeros[i : i+1])
			w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
			time.Sleep(5 * time.Millisecond)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{"trickles": trickle, "stalls": stall, "trickles what is packed": packed} {
		t.Run(name, func(t *testing.T) {
			server, host := newServer(t, headless(handler))
			s := newSourcesWith(t, source.Options{SlowAfter: 100 * time.Millisecond})
			_, _, err := read(longContext(t), s, objectRequest(server.URL+"/x?token="+signed, ""))
			wantFailure(t, err, transient(v1alpha1.ReasonUnavailable), "get "+server.URL+"/x: "+host+" is too slow: it sent less than 64 KiB within 100ms")
		})
	}
}
