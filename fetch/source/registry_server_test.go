// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// auth is the authentication that a test registry requires.
type auth int

const (
	open auth = iota
	basicAuth
	bearerAuth
)

// testRegistry is a registry in memory that requires credentials, and that a test may
// interfere with.
type testRegistry struct {
	host    string
	auth    auth
	storage http.Handler
	// interfere answers in the registry's place when it returns true.
	interfere func(http.ResponseWriter, *http.Request) bool

	mu       sync.Mutex
	requests []string
}

func newRegistry(t *testing.T, auth auth) *testRegistry {
	t.Helper()
	r := &testRegistry{auth: auth, storage: registry.New(registry.Logger(silent))}
	_, r.host = newServer(t, r)
	return r
}

func (r *testRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.note(req)
	switch {
	case r.interfere != nil && r.interfere(w, req):
	case req.Header.Get("X-Push") != "":
		r.storage.ServeHTTP(w, req)
	case req.URL.Path == "/token":
		r.serveToken(w, req)
	case !r.admits(req):
		r.challenge(w, req)
	default:
		r.storage.ServeHTTP(w, req)
	}
}

func (r *testRegistry) note(req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
}

// received returns the requests so far and forgets them.
func (r *testRegistry) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	requests := r.requests
	r.requests = nil
	return requests
}

func (r *testRegistry) admits(req *http.Request) bool {
	switch r.auth {
	case basicAuth:
		return req.Header.Get("Authorization") == "Basic "+basic
	case bearerAuth:
		return req.Header.Get("Authorization") == "Bearer "+token
	}
	return true
}

func (r *testRegistry) serveToken(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != "Basic "+basic {
		refuse(w, req, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	_, _ = fmt.Fprintf(w, `{"token":%q}`, token)
}

func (r *testRegistry) challenge(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	if r.auth == bearerAuth {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.host))
	}
	refuse(w, req, http.StatusUnauthorized, "UNAUTHORIZED")
}

// refuse answers as registries do, and echoes the credentials that it was sent, as
// registries should not.
func refuse(w http.ResponseWriter, req *http.Request, status int, code string) {
	authorization := req.Header.Get("Authorization")
	if _, encoded, ok := strings.Cut(authorization, "Basic "); ok {
		decoded, _ := base64.StdEncoding.DecodeString(encoded)
		authorization += " " + string(decoded)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q,"detail":%q}]}`, code, "you sent "+authorization, authorization)
}

// pusher marks requests that need no credentials.
type pusher struct{}

func (pusher) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("X-Push", "yes")
	return http.DefaultTransport.RoundTrip(req)
}

func (r *testRegistry) push(t *testing.T, ref string, what remote.Taggable) string {
	t.Helper()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections() //nolint:forcetypeassert // it is one
	tag, err := name.ParseReference(r.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(tag, what, remote.WithTransport(pusher{}))
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, what, remote.WithTransport(pusher{}))
	}
	if err != nil {
		t.Fatal(err)
	}
	digest, err := what.(interface{ Digest() (v1.Hash, error) }).Digest()
	if err != nil {
		t.Fatal(err)
	}
	r.received()
	return tag.Context().Digest(digest.String()).String()
}

var silent = log.New(io.Discard, "", 0)
