package source

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxManifest is the largest manifest or index, in bytes. It is what the
	// distribution specification has registries accept at least.
	maxManifest = 4 << 20
	// maxAnswer is the largest of all other answers of a registry or token service
	// that are not a layer.
	maxAnswer = 1 << 20
)

// registryTransport is below the registry client. It holds to one scheme, bounds
// what is answered, and turns answers that ask for patience into failures while
// their headers can still be read.
type registryTransport struct {
	inner  http.RoundTripper
	repo   name.Repository
	scheme string
}

// RoundTrip sends one request of the registry client.
func (t *registryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.inner.RoundTrip(t.withScheme(req))
	if err != nil {
		return nil, err
	}
	if err := serverFailure(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	if limit, what := t.limit(req); limit > 0 {
		resp.Body = &cappedBody{ReadCloser: resp.Body, left: limit, what: what, limit: limit}
	}
	return resp, nil
}

// withScheme takes the choice of the scheme away from the registry client, which
// tries https and then http for private addresses and for hosts declared as plain.
// A redirect keeps the scheme that it names: the guard judges it.
func (t *registryTransport) withScheme(req *http.Request) *http.Request {
	if req.Response != nil || req.URL.Host != t.repo.RegistryStr() || req.URL.Scheme == t.scheme {
		return req
	}
	forced := req.Clone(req.Context())
	forced.URL.Scheme = t.scheme
	return forced
}

// limit returns how much of an answer is read; 0 for layers, whose reader has
// limits of its own.
func (t *registryTransport) limit(req *http.Request) (int64, string) {
	switch partOf(t.repo, req) {
	case partBlob:
		return 0, ""
	case partManifest:
		return maxManifest, "the manifest"
	default:
		return maxAnswer, "the answer of " + req.URL.Host
	}
}

// part is what a request of the registry client is about.
type part int

const (
	partToken part = iota
	partPing
	partManifest
	partBlob
)

// partOf looks at the request that began a chain of redirects.
func partOf(repo name.Repository, req *http.Request) part {
	req = first(req)
	path := "/v2/" + repo.RepositoryStr()
	switch {
	case req.URL.Host != repo.RegistryStr():
		return partToken
	case req.URL.Path == "/v2/":
		return partPing
	case strings.HasPrefix(req.URL.Path, path+"/manifests/"):
		return partManifest
	case strings.HasPrefix(req.URL.Path, path+"/blobs/"):
		return partBlob
	}
	return partToken
}

// first returns the request that began a chain of redirects. The guard bounds the
// chain.
func first(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// cappedBody fails instead of delivering a byte above its limit, and never ends
// early without an error.
type cappedBody struct {
	io.ReadCloser
	left, limit int64
	what        string
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.exceeded()
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, b.exceeded()
	}
	return n, err
}

func (b *cappedBody) exceeded() error {
	return failure.Terminalf(v1alpha1.ReasonTooLarge, "%s is larger than %s", b.what, size(b.limit))
}

// size prints a number of bytes.
func size(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
