// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/egress"
)

// at interferes with the paths that contain a part.
func at(part string, handler http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if strings.Contains(req.URL.Path, part) {
			handler(w, req)
			return true
		}
		return false
	}
}

func status(code int, errorCode string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		refuse(w, req, code, errorCode)
	}
}

func redirectTo(location string) http.HandlerFunc {
	return status(http.StatusTemporaryRedirect, "", "Location", location)
}

// endless sends bytes for as long as they are read.
func endless(w http.ResponseWriter, req *http.Request) {
	chunk := []byte(strings.Repeat(" ", 32<<10))
	for req.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestRegistryAnswers(t *testing.T) {
	tests := []struct {
		name      string
		auth      auth
		interfere func(http.ResponseWriter, *http.Request) bool
		want      failed
		words     []string
	}{
		{"unknown tag", basicAuth, at("/manifests/", status(404, "MANIFEST_UNKNOWN")), terminal(v1alpha1.ReasonNotFound), []string{"(404 Not Found, MANIFEST_UNKNOWN): check the name and the tag"}},
		{"unknown repository", basicAuth, at("/manifests/", status(404, "NAME_UNKNOWN")), terminal(v1alpha1.ReasonNotFound), []string{"NAME_UNKNOWN"}},
		{"gone", basicAuth, at("/manifests/", status(410, "")), terminal(v1alpha1.ReasonNotFound), []string{"410 Gone"}},
		{"an error code that is none", basicAuth, at("/manifests/", status(404, "you sent "+password)), terminal(v1alpha1.ReasonNotFound), []string{"(404 Not Found): "}},
		{"unauthorized", basicAuth, at("/manifests/", status(401, "UNAUTHORIZED")), terminal(v1alpha1.ReasonUnauthorized), []string{"credentials in Secret team/regcred may pull"}},
		{"denied", bearerAuth, at("/manifests/", status(403, "DENIED")), terminal(v1alpha1.ReasonUnauthorized), []string{"403 Forbidden"}},
		{"denied for /v2/", basicAuth, at("/v2/", status(403, "DENIED")), terminal(v1alpha1.ReasonUnauthorized), nil},
		{"denied by the token service", bearerAuth, at("/token", status(401, "UNAUTHORIZED")), terminal(v1alpha1.ReasonUnauthorized), nil},
		{"bad name", basicAuth, at("/manifests/", status(400, "NAME_INVALID")), terminal(v1alpha1.ReasonInvalidSource), []string{"NAME_INVALID"}},
		{"rate limit", basicAuth, at("/manifests/", status(429, "TOOMANYREQUESTS", "Retry-After", "30")), failed{v1alpha1.ReasonRateLimited, false, 30 * time.Second}, []string{"429 Too Many Requests"}},
		{"rate limit for /v2/", basicAuth, at("/v2/", status(429, "")), transient(v1alpha1.ReasonRateLimited), nil},
		{"rate limit of the token service", bearerAuth, at("/token", status(429, "", "Retry-After", "1e9")), transient(v1alpha1.ReasonRateLimited), nil},
		{"rate limit of a year", basicAuth, at("/manifests/", status(429, "", "Retry-After", "31536000")), failed{v1alpha1.ReasonRateLimited, false, time.Hour}, nil},
		{"server error", basicAuth, at("/manifests/", status(500, "UNKNOWN")), transient(v1alpha1.ReasonUnavailable), []string{"500 Internal Server Error"}},
		{"maintenance", basicAuth, at("/manifests/", status(503, "UNAVAILABLE", "Retry-After", "5")), failed{v1alpha1.ReasonUnavailable, false, 5 * time.Second}, nil},
		{"maintenance for /v2/", basicAuth, at("/v2/", status(502, "")), transient(v1alpha1.ReasonUnavailable), nil},
		{"maintenance of the token service", bearerAuth, at("/token", status(504, "")), transient(v1alpha1.ReasonUnavailable), nil},
		{"not a token service", bearerAuth, at("/token", status(404, "")), transient(v1alpha1.ReasonUnavailable), []string{"answered 404"}},
		{"no token", bearerAuth, at("/token", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, `{"refresh_token":%q}`, token) }), transient(v1alpha1.ReasonUnavailable), []string{"token service"}},
		{"no JSON", bearerAuth, at("/token", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, token) }), transient(v1alpha1.ReasonUnavailable), nil},
		{"no realm", open, at("/v2/", status(401, "", "WWW-Authenticate", `Bearer service="x"`)), transient(v1alpha1.ReasonUnavailable), []string{"token service"}},
		{"not a registry", open, at("/v2/", http.NotFound), transient(v1alpha1.ReasonUnavailable), []string{"does not look like a registry"}},
		{"other status", open, at("/manifests/", status(418, "")), transient(v1alpha1.ReasonUnavailable), []string{"418 I'm a teapot"}},

		{"manifest is large", open, at("/manifests/", headless(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 4<<20+1)) })), terminal(v1alpha1.ReasonTooLarge), []string{"the manifest is larger than 4 MiB"}},
		{"manifest is endless", open, at("/manifests/", headless(endless)), terminal(v1alpha1.ReasonTooLarge), []string{"the manifest is larger than 4 MiB"}},
		{"token is endless", bearerAuth, at("/token", endless), transient(v1alpha1.ReasonUnavailable), nil},
		{"error is endless", open, at("/manifests/", headless(func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(404); endless(w, req) })), transient(v1alpha1.ReasonUnavailable), []string{"byte limit"}},
		{"manifest is cut off", open, at("/manifests/", headless(cutOff)), transient(v1alpha1.ReasonUnavailable), []string{"the connection ended before the content did"}},
		{"manifest is no manifest", open, at("/manifests/", headless(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") })), terminal(v1alpha1.ReasonUnsupportedImage), nil},
		{"manifest of old", open, at("/manifests/", headless(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
			_, _ = fmt.Fprint(w, `{"schemaVersion":1}`)
		})), terminal(v1alpha1.ReasonUnsupportedImage), []string{"schema 1"}},

		{"redirect to the metadata service", basicAuth, at("/manifests/", redirectTo("http://169.254.169.254/x?"+signed)), terminal(v1alpha1.ReasonAddressRefused), []string{"169.254.169.254"}},
		{"redirect of /v2/", open, at("/v2/", redirectTo("http://169.254.169.254/v2/")), terminal(v1alpha1.ReasonAddressRefused), nil},
		{"redirect to a private address", basicAuth, at("/manifests/", redirectTo("http://10.255.255.1/x?"+signed)), terminal(v1alpha1.ReasonAddressRefused), []string{"points to a private address"}},
		{"redirect without end", basicAuth, at("/manifests/", func(w http.ResponseWriter, req *http.Request) { redirectTo(req.URL.String())(w, req) }), transient(v1alpha1.ReasonUnavailable), []string{"more than 5 redirects"}},
		{"realm at the metadata service", open, at("/v2/", status(401, "", "WWW-Authenticate", `Bearer realm="http://169.254.169.254/token"`)), terminal(v1alpha1.ReasonAddressRefused), []string{"token service of 127.0.0.1", "169.254.169.254"}},
		{"realm at a private address", open, at("/v2/", status(401, "", "WWW-Authenticate", `Bearer realm="http://10.255.255.1/token"`)), terminal(v1alpha1.ReasonAddressRefused), []string{"points to a private address"}},
		{"token redirect to the metadata service", bearerAuth, at("/token", redirectTo("http://[fd00:ec2::254]/")), terminal(v1alpha1.ReasonAddressRefused), []string{"fd00:ec2::254"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRegistry(t, tt.auth)
			r.push(t, "team/filter:v1", filterImage(t, filter))
			r.interfere = tt.interfere
			s := newSources(t, cluster{pullSecret(password, r.host)}, r.host)
			_, _, err := read(t.Context(), s, imageRequest(r.host+"/team/filter:v1", "regcred"))
			wantFailure(t, err, tt.want, tt.words...)
		})
	}
}

// headless answers a GET only.
func headless(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		handler(w, req)
	}
}

// cutOff declares more than it sends.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = fmt.Fprint(w, "only this")
	w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
	panic(http.ErrAbortHandler)
}

func TestLayerAnswers(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   failed
		words  []string
	}{
		{"missing", status(404, "BLOB_UNKNOWN"), transient(v1alpha1.ReasonUnavailable), []string{"has the manifest, but answered 404 Not Found, BLOB_UNKNOWN"}},
		{"refused", status(403, "DENIED"), terminal(v1alpha1.ReasonUnauthorized), nil},
		{"rate limit", status(429, "", "Retry-After", "7"), failed{v1alpha1.ReasonRateLimited, false, 7 * time.Second}, nil},
		{"server error", status(500, ""), transient(v1alpha1.ReasonUnavailable), nil},
		{"cut off", cutOffAt, transient(v1alpha1.ReasonUnavailable), nil},
		{"other content", swapped, terminal(v1alpha1.ReasonDigestMismatch), nil},
		{"storage elsewhere refuses", func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Query().Has("signature") {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			redirectTo(req.URL.Path+"?signature="+signed)(w, req)
		}, transient(v1alpha1.ReasonUnavailable), []string{"redirects, answered 403"}},
		{"storage at the metadata service", redirectTo("http://100.100.100.200/" + signed), terminal(v1alpha1.ReasonAddressRefused), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRegistry(t, basicAuth)
			r.push(t, "team/filter:v1", filterImage(t, filter))
			r.interfere = at("/blobs/", tt.answer)
			s := newSources(t, cluster{pullSecret(password, r.host)}, r.host)
			resolved, _, err := read(t.Context(), s, imageRequest(r.host+"/team/filter:v1", "regcred"))
			wantFailure(t, err, tt.want, append(tt.words, "read "+resolved.Reference)...)
		})
	}
}

// layerSize is the size of the layer that these answers stand in for.
func layerSize() int64 {
	img, err := image.Image(filter, "0.2.1")
	if err != nil {
		panic(err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		panic(err)
	}
	return manifest.Layers[0].Size
}

func cutOffAt(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(layerSize()))
	_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0})
	w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
	panic(http.ErrAbortHandler)
}

func swapped(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, layerSize())) }

func TestSwappedManifest(t *testing.T) {
	r := newRegistry(t, open)
	pinned := r.push(t, "team/filter:v1", filterImage(t, filter))
	r.interfere = at("/manifests/", headless(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{}`) }))
	_, err := newSources(t, nil, r.host).Resolve(t.Context(), imageRequest(pinned, ""))
	wantFailure(t, err, terminal(v1alpha1.ReasonDigestMismatch), r.host+" sent content with another digest")
}

func TestRegistryThatDoesNotAnswer(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	refusing := strings.TrimPrefix(closed.URL, "http://")
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = silent
	secure.StartTLS()
	defer secure.Close()
	plain := newRegistry(t, open)
	tests := []struct {
		name    string
		host    string
		options source.Options
		want    failed
		words   []string
	}{
		{"connection refused", refusing, source.Options{}, transient(v1alpha1.ReasonUnavailable), []string{"connection refused"}},
		{"connection refused, plain", refusing, source.Options{PlainHTTPHosts: []string{refusing}}, transient(v1alpha1.ReasonUnavailable), []string{"connection refused"}},
		{"unknown authority", strings.TrimPrefix(secure.URL, "https://"), source.Options{}, transient(v1alpha1.ReasonUnavailable), []string{"unknown authority", "--ca-file"}},
		{"no TLS", plain.host, source.Options{}, transient(v1alpha1.ReasonUnavailable), []string{"--plain-http-hosts"}},
		{"no TLS, another host is plain", plain.host, source.Options{PlainHTTPHosts: []string{"127.0.0.1:1"}}, transient(v1alpha1.ReasonUnavailable), []string{"--plain-http-hosts"}},
		{"not on the list", plain.host, source.Options{Guard: egress.Options{AllowHosts: egress.Hosts{"reg.example"}}}, terminal(v1alpha1.ReasonAddressRefused), []string{"--allow-hosts"}},
		{"metadata service", "169.254.169.254", source.Options{}, terminal(v1alpha1.ReasonAddressRefused), []string{"link-local"}},
		{"metadata service, plain", "169.254.169.254:80", source.Options{PlainHTTPHosts: []string{"169.254.169.254"}}, terminal(v1alpha1.ReasonAddressRefused), []string{"link-local"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Reader = cluster{pullSecret(password, tt.host)}
			s := newSourcesWith(t, tt.options)
			_, err := s.Resolve(t.Context(), imageRequest(tt.host+"/team/filter:v1", "regcred"))
			wantFailure(t, err, tt.want, append(tt.words, "look up "+tt.host+"/team/filter:v1: ")...)
		})
	}
	if requests := plain.received(); len(requests) > 0 {
		t.Errorf("a host that is not listed got requests by plain http: %v", requests)
	}
}

func TestRegistryThatIsSlow(t *testing.T) {
	for _, part := range []string{"/v2/", "/token", "/manifests/", "/blobs/"} {
		t.Run(part, func(t *testing.T) {
			r := newRegistry(t, bearerAuth)
			r.push(t, "team/filter:v1", filterImage(t, filter))
			r.interfere = at(part, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			begun := time.Now()
			_, _, err := read(ctx, newSources(t, cluster{pullSecret(password, r.host)}, r.host), imageRequest(r.host+"/team/filter:v1", "regcred"))
			wantFailure(t, err, transient(v1alpha1.ReasonUnavailable), "no answer in time")
			if took := time.Since(begun); took > time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// A request that failed is not sent again: the fetcher retries, with a backoff.
func TestFailuresAreNotRepeated(t *testing.T) {
	head, get := "HEAD /v2/team/filter/manifests/v1", "GET /v2/team/filter/manifests/v1"
	for code, want := range map[int][]string{500: {head}, 503: {head}, 429: {head}, 401: {head}, 403: {head}, 404: {head, get}, 408: {head, get}} {
		r := newRegistry(t, open)
		r.interfere = at("/manifests/", status(code, ""))
		_, err := newSources(t, nil, r.host).Resolve(t.Context(), imageRequest(r.host+"/team/filter:v1", ""))
		if err == nil {
			t.Errorf("%d: no error", code)
		}
		if diff := cmp.Diff(append([]string{"GET /v2/"}, want...), r.received()); diff != "" {
			t.Errorf("%d: %s", code, diff)
		}
	}
}
