// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
)

const ociManifest = "application/vnd.oci.image.manifest.v1+json"

// sender is a registry that sends one answer for every manifest.
type sender struct {
	status            int
	contentType, body string
}

func (s sender) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", s.contentType)
	w.WriteHeader(s.status)
	_, _ = w.WriteString(s.body)
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

func sha256Of(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestVerifier(t *testing.T) {
	const manifest = `{"schemaVersion":2,"x":"a \" \\"}`
	pinned := "sha256:" + sha256Of(manifest)
	const of, schema1 = "/v2/team/filter/manifests/", "application/vnd.docker.distribution.manifest.v1+prettyjws"
	list := func(n int) string { return "[0" + strings.Repeat(",0", n-2) + "]" }
	tests := []struct {
		name, path string
		sender     sender
		want       v1alpha1.Reason
	}{
		{"a tag", of + "v1", sender{200, ociManifest, manifest}, ""},
		{"a digest", of + pinned, sender{200, ociManifest, manifest}, ""},
		{"another digest", of + pinned, sender{200, ociManifest, manifest + " "}, v1alpha1.ReasonDigestMismatch},
		{"another digest, without a type", of + pinned, sender{200, "", manifest + " "}, v1alpha1.ReasonDigestMismatch},
		{"schema 1", of + pinned, sender{200, schema1, manifest}, v1alpha1.ReasonUnsupportedImage},
		{"schema 1, unsigned", of + pinned, sender{200, "application/vnd.docker.distribution.manifest.v1+json", manifest}, v1alpha1.ReasonUnsupportedImage},
		{"schema 1, disguised", of + "v1", sender{200, strings.ToUpper(schema1) + " ; charset", manifest}, v1alpha1.ReasonUnsupportedImage},
		{"the largest", of + "v1", sender{200, ociManifest, strings.Repeat(" ", image.MaxManifestBytes)}, ""},
		{"too large", of + "v1", sender{200, ociManifest, strings.Repeat(" ", image.MaxManifestBytes+1)}, v1alpha1.ReasonTooLarge},
		{"as many values as may be", of + "v1", sender{200, ociManifest, list(8192)}, ""},
		{"too many values", of + "v1", sender{200, ociManifest, list(8193)}, v1alpha1.ReasonUnsupportedImage},
		{"too many objects", of + "v1", sender{200, ociManifest, "[{}" + strings.Repeat(",{}", 4096) + "]"}, v1alpha1.ReasonUnsupportedImage},
		{"a text", of + "v1", sender{200, ociManifest, `"` + strings.Repeat(`,[{\"`, 9000) + `"`}, ""},
		{"no manifest", of + pinned, sender{404, ociManifest, "{}"}, ""},
		{"a blob", "/v2/team/filter/blobs/" + pinned, sender{200, schema1, "{}"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := image.NewVerifier(1).Transport(tt.sender).RoundTrip(httptest.NewRequest(http.MethodGet, "https://reg.example"+tt.path, nil))
			if tt.want != "" {
				if f := failure.Of(err); f == nil || f.Reason != tt.want || !f.Terminal {
					t.Errorf("%v, want %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(resp.Body); string(got) != tt.sender.body || err != nil {
				t.Errorf("read %d of %d bytes, %v", len(got), len(tt.sender.body), err)
			}
		})
	}
}

// A HEAD has no content; a push is not what this is about.
func TestOtherMethods(t *testing.T) {
	for method, contentType := range map[string]string{http.MethodHead: ociManifest, http.MethodPut: "application/vnd.docker.distribution.manifest.v1+json"} {
		req := httptest.NewRequest(method, "https://reg.example/v2/x/manifests/sha256:"+sha256Of("x"), nil)
		if _, err := image.NewVerifier(1).Transport(sender{200, contentType, ""}).RoundTrip(req); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// The registry client parses what it gets, before any limit of layers is checked.
func TestAManifestOfEmptyLayersTakesLittleMemory(t *testing.T) {
	body := `{"schemaVersion":2,"mediaType":"` + ociManifest + `","config":{},"layers":[{}`
	body += strings.Repeat(",{}", (image.MaxManifestBytes-len(body)-2)/3) + "]}"
	ref, err := name.NewDigest("reg.example/team/filter@sha256:" + sha256Of(body))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = remote.Get(ref, remote.WithTransport(image.NewVerifier(1).Transport(sender{200, ociManifest, body})))
	runtime.ReadMemStats(&after)
	if f := failure.Of(err); f == nil || f.Reason != v1alpha1.ReasonUnsupportedImage {
		t.Errorf("error %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("%d MB were allocated for a manifest of %d MB", took>>20, len(body)>>20)
	}
}

// Large manifests are read and parsed one after the other; others do not wait.
func TestLargeManifestsAtOnce(t *testing.T) {
	large := strings.Repeat(" ", 200<<10)
	verifier := image.NewVerifier(1)
	get := func(ctx context.Context, body string) (*http.Response, error) {
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, "https://reg.example/v2/x/manifests/v1", nil)
		return verifier.Transport(sender{200, ociManifest, body}).RoundTrip(req)
	}
	first, err := get(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), "{}"); err != nil {
		t.Errorf("a small manifest beside a large one: %v", err)
	}
	for name, body := range map[string]string{"many bytes": large, "many values": "[0" + strings.Repeat(",0", 2000) + "]"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := get(ctx, body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s beside a large manifest: %v", name, err)
		}
		cancel()
	}
	for range 2 { // what is closed again ends nothing of another's
		_ = first.Body.Close()
	}
	if _, err := get(t.Context(), large); err != nil {
		t.Errorf("after the large manifest was closed: %v", err)
	}
}
