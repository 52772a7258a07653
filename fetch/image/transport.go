package image

import (
	"bytes"
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
)

// VerifyManifests returns a transport to be put below a registry client. It verifies each manifest before the client
// parses it: its size, the number of its values, and, where it was requested by its digest, its sha256. It refuses
// schema 1, for which the client would believe the digest that the registry declares.
//
// Errors of its own are terminal *failure.Error (TooLarge, UnsupportedImage or DigestMismatch).
func VerifyManifests(inner http.RoundTripper) http.RoundTripper { return &manifestTransport{inner} }

type manifestTransport struct{ inner http.RoundTripper }

// RoundTrip sends one request of the registry client.
func (t *manifestTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.inner.RoundTrip(req)
	reference, ok := manifestReference(req)
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead
	if err != nil || !ok || !reads || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	if err := verifyManifest(req, resp, reference); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// manifestReference returns the tag or digest of the manifest that a request, or the one that was redirected to it,
// asks for.
func manifestReference(req *http.Request) (string, bool) {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	dir, reference := path.Split(req.URL.Path)
	return reference, strings.HasPrefix(dir, "/v2/") && strings.HasSuffix(dir, "/manifests/")
}

// verifyManifest replaces the body of a response by what was verified of it.
func verifyManifest(req *http.Request, resp *http.Response, reference string) error {
	if isSchema1(resp.Header.Get("Content-Type")) {
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "it is in docker's old format (schema 1): push it again with a current tool")
	}
	if req.Method == http.MethodHead {
		return nil
	}
	raw, err := readManifest(resp.Body)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	if wanted, isDigest := strings.CutPrefix(reference, "sha256:"); isDigest && hex.EncodeToString(sum[:]) != wanted {
		return failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s sent content with another digest", req.URL.Host)
	}
	if n := countValues(raw); n > maxManifestValues {
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "its manifest has %d values, more than %d: %s", n, maxManifestValues, remedy)
	}
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(raw))
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

func readManifest(body io.ReadCloser) ([]byte, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, body, MaxManifestBytes))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, failure.Terminalf(v1alpha1.ReasonTooLarge, "the manifest is larger than %d MiB", MaxManifestBytes>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	return raw, nil
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
