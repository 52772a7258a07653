// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/semaphore"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// MaxManifestBytes is the largest manifest or index. It is what the distribution specification has registries accept
	// at least.
	MaxManifestBytes = 4 << 20
	// maxManifestValues is how many JSON values a manifest may have. An index of maxChildren has some 3,000; four million
	// bytes of empty layers, which the limits of layers come too late for, take 600 MB to parse.
	maxManifestValues = 8192
	// A manifest of more bytes or values is large. Those of modules are not.
	largeManifestBytes  = 128 << 10
	largeManifestValues = 1024
)

// Verifier verifies the manifests that registry clients read, before the clients parse them.
type Verifier struct{ large *semaphore.Weighted }

// NewVerifier makes a Verifier that lets its clients read and parse maxLarge large manifests at once.
func NewVerifier(maxLarge int64) *Verifier { return &Verifier{semaphore.NewWeighted(maxLarge)} }

// Transport returns a transport to be put below a registry client. It verifies of each manifest the size, the number of
// values, and, where it was requested by its digest, the sha256. It refuses schema 1, for which the client would believe
// the digest that the registry declares.
//
// Errors of its own are terminal *failure.Error (TooLarge, UnsupportedImage or DigestMismatch).
func (v *Verifier) Transport(inner http.RoundTripper) http.RoundTripper {
	return &manifestTransport{inner: inner, verifier: v}
}

type manifestTransport struct {
	inner    http.RoundTripper
	verifier *Verifier
}

// RoundTrip sends one request of the registry client.
func (t *manifestTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.inner.RoundTrip(req)
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead
	reference, ok := manifestReference(req)
	if err != nil || !ok || !reads || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	if err := t.verifier.verify(req, resp, reference); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// manifestReference returns the tag or digest of the manifest that a request, or the one that was redirected to it,
// asks for.
func manifestReference(req *http.Request) (string, bool) {
	dir, reference := path.Split(FirstRequest(req).URL.Path)
	return reference, strings.HasPrefix(dir, "/v2/") && strings.HasSuffix(dir, "/manifests/")
}

// FirstRequest returns the request that began a chain of redirects, req itself when there is none.
func FirstRequest(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// verify replaces the body of a response by what was verified of it.
func (v *Verifier) verify(req *http.Request, resp *http.Response, reference string) error {
	if isSchema1(resp.Header.Get("Content-Type")) {
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "it is in docker's old format (schema 1): push it again with a current tool")
	}
	if req.Method == http.MethodHead {
		return nil
	}
	manifest := &manifestBody{large: v.large}
	if err := manifest.read(req, resp.Body, reference); err != nil {
		_ = manifest.Close()
		return err
	}
	_ = resp.Body.Close()
	resp.Body = manifest
	return nil
}

// isSchema1 is strict where the registry client is lax: parameters and case do not hide the type.
func isSchema1(contentType string) bool {
	base, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	return base == string(types.DockerManifestSchema1) || base == string(types.DockerManifestSchema1Signed)
}

// manifestBody is a verified manifest as the body of a response. The client parses it before it closes it; until then, a
// large one counts among those of the verifier.
type manifestBody struct {
	bytes.Reader
	large   *semaphore.Weighted
	counted bool
}

// Close ends the counting.
func (b *manifestBody) Close() error {
	if b.counted {
		b.counted = false
		b.large.Release(1)
	}
	return nil
}

// read reads and verifies the answer to a request.
func (b *manifestBody) read(req *http.Request, answer io.ReadCloser, reference string) error {
	raw, err := b.readAll(req.Context(), http.MaxBytesReader(nil, answer, MaxManifestBytes))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return failure.Terminalf(v1alpha1.ReasonTooLarge, "the manifest is larger than %d MiB", MaxManifestBytes>>20)
	}
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	sum := sha256.Sum256(raw)
	if wanted, isDigest := strings.CutPrefix(reference, "sha256:"); isDigest && hex.EncodeToString(sum[:]) != wanted {
		return failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s sent content with another digest", req.URL.Host)
	}
	b.Reset(raw)
	return b.checkValues(req.Context(), countValues(raw))
}

// readAll reads the first part of a manifest at once, and the rest when there are not too many large ones.
func (b *manifestBody) readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	var raw bytes.Buffer
	if _, err := io.CopyN(&raw, r, largeManifestBytes); err != nil {
		return raw.Bytes(), ignoreEOF(err)
	}
	if err := b.count(ctx); err != nil {
		return nil, err
	}
	_, err := raw.ReadFrom(r)
	return raw.Bytes(), err
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func (b *manifestBody) checkValues(ctx context.Context, n int) error {
	switch {
	case n > maxManifestValues:
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "its manifest has %d values, more than %d: %s", n, maxManifestValues, remedy)
	case n > largeManifestValues:
		return b.count(ctx)
	}
	return nil
}

// count waits until there are not too many large manifests.
func (b *manifestBody) count(ctx context.Context) error {
	if b.counted {
		return nil
	}
	if err := b.large.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for other large manifests: %w", err)
	}
	b.counted = true
	return nil
}

// countValues returns how many values a JSON text has, an empty array or object counted twice. It allocates nothing.
func countValues(raw []byte) int {
	count, quoted := 1, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ',' || c == '[' || c == '{'):
			count++
		}
	}
	return count
}
