// SPDX-License-Identifier: Apache-2.0

package proxies_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"k8s.io/client-go/util/cert"

	"github.com/autowasm/autowasm/proxies"
)

const listeners = "type.googleapis.com/envoy.config.listener.v3.Listener"

// connection is what istiod says of one connection of a proxy, cut to a few of the types and fields that there are.
func connection(proxy, sent, lastError string) string {
	if lastError != "" {
		lastError = `,"lastError":"` + lastError + `"`
	}
	return `{"cluster_id":"Kubernetes","proxy":"` + proxy + `","proxy_type":"sidecar","istio_version":"1.31.1","listener_sent":"a","resources":{` +
		`"type.googleapis.com/envoy.config.cluster.v3.Cluster":{"sent":"b","acked":"b","sentTime":"` + sent + `","lastError":"of clusters"},` +
		`"` + listeners + `":{"sent":"a","acked":"","sentTime":"` + sent + `"` + lastError + `}}}`
}

// istiodCertificate makes the certificate of all that serve as istiod, which is its own authority.
var istiodCertificate = sync.OnceValues(func() (certificate, key []byte) {
	certificate, key, _ = cert.GenerateSelfSignedCertKey("istiod.istio-system.svc", nil, nil) // its users notice
	return certificate, key
})

// istiod serves xDS over TLS and returns its address.
func istiod(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	pair, err := tls.X509KeyPair(istiodCertificate())
	if err != nil {
		t.Fatal(err)
	}
	server.EnableHTTP2, server.TLS = true, &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// page is an answer with istiod's page of the sync status.
func page(content string) http.HandlerFunc {
	resource := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "istio.io/debug")
	resource = protowire.AppendString(protowire.AppendTag(resource, 2, protowire.BytesType), content)
	response := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "version")
	response = protowire.AppendVarint(protowire.AppendTag(response, 3, protowire.VarintType), 1)
	response = protowire.AppendBytes(protowire.AppendTag(response, 2, protowire.BytesType), resource)
	response = protowire.AppendString(protowire.AppendTag(response, 5, protowire.BytesType), "nonce")
	return message(response)
}

// message is an answer of one gRPC message.
func message(content []byte) http.HandlerFunc {
	return grpc(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(content))), content...))
}

func grpc(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(body)
	}
}

// ended is an answer of a gRPC status alone.
func ended(status, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", message)
	}
}

// write writes a file of a test's own, and returns its path.
func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// istiodOptions are for replicas of istiod.
func istiodOptions(t *testing.T, addresses ...string) proxies.IstiodOptions {
	t.Helper()
	roots, _ := istiodCertificate()
	return proxies.IstiodOptions{
		Instances: func(context.Context) ([]string, error) { return addresses, nil },
		Namespace: "istio-system", Service: "istiod", CAFile: write(t, "root-cert.pem", roots), TokenFile: write(t, "token", []byte("secret\n")),
		Timeout: time.Minute,
	}
}

func istiods(t *testing.T, addresses ...string) *proxies.Istiod {
	t.Helper()
	return proxies.NewIstiod(istiodOptions(t, addresses...))
}

func TestRejections(t *testing.T) {
	const early, late = "2026-01-02T12:00:00.5Z", "2026-01-02T12:00:01+00:00"
	cases := map[string]struct {
		answers []string
		want    map[string]string
	}{
		"no proxies": {answers: []string{"[]", "null"}, want: map[string]string{}},
		"one that refused, one that did not": {
			answers: []string{"[" + connection("a.b-1.ns", early, `bad: \"x\"\n`) + ",\n" + connection("gateway.istio-system", early, "") + "]\n"},
			want:    map[string]string{"ns/a.b-1": `bad: "x"`, "istio-system/gateway": ""},
		},
		"several replicas": {
			answers: []string{"[" + connection("a.ns", early, "bad") + "]", "[" + connection("b.ns", early, "worse") + "]"},
			want:    map[string]string{"ns/a": "bad", "ns/b": "worse"},
		},
		"two connections, one replica": {
			answers: []string{"[" + connection("a.ns", late, "new") + "," + connection("a.ns", early, "old") + "]"},
			want:    map[string]string{"ns/a": "new"},
		},
		"two connections, two replicas": {
			answers: []string{"[" + connection("a.ns", early, "old") + "]", "[" + connection("a.ns", late, "") + "]"},
			want:    map[string]string{"ns/a": ""},
		},
		"long words": {
			answers: []string{"[" + connection("a.ns", early, strings.Repeat("a", 400)) + "]"},
			want:    map[string]string{"ns/a": strings.Repeat("a", 297) + "…"},
		},
		"of listeners alone": {
			answers: []string{`[{"proxy":"a.ns","resources":{"x":{"lastError":"bad"}}},{"proxy":"b.ns"},{},{"proxy":"ztunnel","resources":{"` + listeners + `":{}}}]`},
			want:    map[string]string{},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var urls []string
			for _, answer := range c.answers {
				urls = append(urls, istiod(t, page(answer)))
			}
			got, err := istiods(t, urls...).Rejections(t.Context())
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("error %v, rejections (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestVersions: they are what proxies say, bounded and cleaned, in the answer that says what they rejected.
func TestVersions(t *testing.T) {
	of := func(proxy, version string) string {
		return strings.Replace(connection(proxy, "2026-01-02T12:00:00Z", ""), `"1.31.1"`, `"`+version+`"`, 1)
	}
	var calls atomic.Int32
	url := istiod(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		page("["+strings.Join([]string{of("a.ns", "1.28.3"), of("b.ns", ""), of("c.ns", strings.Repeat("x", 100)), of("d.ns", `1\n.\u001b2`)}, ",")+"]")(w, r)
	})
	c := istiods(t, url)
	want := map[string]string{"ns/a": "1.28.3", "ns/b": "", "ns/c": strings.Repeat("x", 61) + "…", "ns/d": "1 .2"}
	got, err := c.Versions(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, versions (-want +got):\n%s", err, diff)
	}
	if _, err := c.Rejections(t.Context()); err != nil || calls.Load() != 1 {
		t.Errorf("called %d times, %v", calls.Load(), err)
	}
}

// The request is for the page, by istiod's own type, and has the token that the file holds at the time.
func TestRejectionsRequest(t *testing.T) {
	var requests []string
	address := istiod(t, func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 5+82)
		_, _ = io.ReadFull(r.Body, body)
		requests = append(requests, fmt.Sprintf("%s %s %s %q", r.Method, r.URL.Path, r.Header.Get("Authorization"), body))
		page("[]")(w, r)
	})
	o, now := istiodOptions(t, address), time.Unix(0, 0)
	o.Now = func() time.Time { now = now.Add(time.Hour); return now } // nothing is kept
	c := proxies.NewIstiod(o)
	for _, token := range []string{"one\n", "two"} {
		if err := os.WriteFile(o.TokenFile, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Rejections(t.Context()); err != nil {
			t.Error(err)
		}
	}
	const request = `POST /envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources Bearer %s ` +
		`"\x00\x00\x00\x00R\x129\n7sidecar~127.0.0.1~wasmer~istio-system.svc.cluster.local\x1a\x05syncz\"\x0eistio.io/debug"`
	if diff := cmp.Diff([]string{fmt.Sprintf(request, "one"), fmt.Sprintf(request, "two")}, requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// istiod alone gets the token: with it, one may have a certificate as wasmer.
func TestTheTokenGoesToIstiodAlone(t *testing.T) {
	reached := false
	reach := func(w http.ResponseWriter, r *http.Request) { reached = true; page("[]")(w, r) }
	plain := httptest.NewServer(http.HandlerFunc(reach))
	t.Cleanup(plain.Close)
	elsewhere := istiod(t, reach)
	another, _, err := cert.GenerateSelfSignedCertKey("istiod.istio-system.svc", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		edit func(*proxies.IstiodOptions)
		want string
	}{
		"without TLS": {
			func(o *proxies.IstiodOptions) {
				o.Instances = func(context.Context) ([]string, error) { return []string{plain.Listener.Addr().String()}, nil }
			}, "HTTP response to HTTPS client",
		},
		"with another name":      {func(o *proxies.IstiodOptions) { o.Service = "another" }, "not another.istio-system.svc"},
		"with another authority": {func(o *proxies.IstiodOptions) { o.CAFile = write(t, "ca", another) }, "unknown authority"},
		"with the system's":      {func(o *proxies.IstiodOptions) { o.CAFile = "" }, "failed to verify certificate"},
		"redirected": {
			func(o *proxies.IstiodOptions) {
				there := istiod(t, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "https://"+elsewhere, http.StatusTemporaryRedirect)
				})
				o.Instances = func(context.Context) ([]string, error) { return []string{there}, nil }
			}, "307",
		},
		"no certificates": {func(o *proxies.IstiodOptions) { o.CAFile = write(t, "ca", nil) }, "holds no certificate"},
		"no file of them": {func(o *proxies.IstiodOptions) { o.CAFile = "/absent" }, "no such file"},
		"no token":        {func(o *proxies.IstiodOptions) { o.TokenFile = "" }, "there is no token"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := istiodOptions(t, elsewhere)
			c.edit(&o)
			_, err := proxies.NewIstiod(o).Rejections(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if reached {
				t.Error("the request was made")
			}
		})
	}
}

// An instance that answers badly hides nothing of what the others say.
func TestRejectionsDespiteABadInstance(t *testing.T) {
	good := istiod(t, page("["+connection("a.ns", "2026-01-02T12:00:00Z", "bad")+"]"))
	cases := map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"not allowed":           {ended("7", "the debug info is not%20available"), "gRPC status 7: the debug info is not available"},
		"not by gRPC":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403 Forbidden, without gRPC"},
		"an HTML page":          {text("<html>"), "without gRPC"},
		"a page of text":        {page("<html>"), "invalid character"},
		"no list":               {page(`{"a":1}`), "not with a list"},
		"half a list":           {page(`[{"proxy":"c"},`), "EOF"},
		"an empty page":         {page(""), "EOF"},
		"no message":            {ended("0", ""), "EOF"},
		"no resource":           {message(nil), "find the resource: EOF"},
		"no page":               {message([]byte{0x12, 0}), "find the page: EOF"},
		"another kind":          {message([]byte{0x15, 0, 0, 0, 0}), "malformed"},
		"half a message":        {message([]byte{0x0a, 7, 'a'}), "EOF"},
		"a field of 2^62 bytes": {message([]byte{0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40}), "too long"},
		"a compressed message":  {grpc([]byte{1, 0, 0, 0, 1, 0}), "compression 1"},
		"a message of 4 GiB":    {grpc([]byte{0, 255, 255, 255, 255}), "4294967295 bytes"},
		"other types":           {page(`[{"proxy":1}]`), "unmarshal"},
		"silence":               {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := istiodOptions(t, istiod(t, c.answer), good)
			if c.want == "deadline" {
				o.Timeout = 3 * time.Second // enough for the other
			}
			got, err := proxies.NewIstiod(o).Rejections(t.Context())
			if diff := cmp.Diff(map[string]string{"ns/a": "bad"}, got); diff != "" {
				t.Errorf("rejections (-want +got):\n%s", diff)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestRejectionsWithoutIstiod(t *testing.T) {
	if got, err := istiods(t).Rejections(t.Context()); err == nil || len(got) != 0 {
		t.Errorf("no replicas: %v, %v", got, err)
	}
	lost := proxies.NewIstiod(proxies.IstiodOptions{TokenFile: "token", Instances: func(context.Context) ([]string, error) { return nil, errors.New("not synced") }})
	if got, err := lost.Rejections(t.Context()); err == nil || !strings.Contains(err.Error(), "not synced") || len(got) != 0 {
		t.Errorf("not found: %v, %v", got, err)
	}
}

// All who ask within some seconds share an answer.
func TestRejectionsAgain(t *testing.T) {
	var asked atomic.Int32
	url := istiod(t, func(w http.ResponseWriter, r *http.Request) {
		page(fmt.Sprintf("[%s]", connection("a.ns", "2026-01-02T12:00:00Z", fmt.Sprint(asked.Add(1)))))(w, r)
	})
	now := time.Unix(0, 0)
	o := istiodOptions(t, url)
	o.Now = func() time.Time { return now }
	c := proxies.NewIstiod(o)
	for i, step := range []struct {
		later time.Duration
		want  string
	}{{0, "1"}, {5*time.Second - 1, "1"}, {1, "2"}, {time.Second, "2"}} {
		now = now.Add(step.later)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if got, err := c.Rejections(t.Context()); err != nil || got["ns/a"] != step.want {
					t.Errorf("step %d: %v, %v", i, got, err)
				}
			})
		}
		all.Wait()
	}
}
