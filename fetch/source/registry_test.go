// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/source"
)

var filter = append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Repeat([]byte("filter"), 1000)...)

func filterImage(t *testing.T, content []byte) v1.Image {
	t.Helper()
	img, err := image.Image(content, "0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestImages(t *testing.T) {
	r := newRegistry(t, open)
	packed := filterImage(t, filter)
	raw, err := image.Binary(filter, "0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	packedRef, rawRef := r.push(t, "team/filter:packed", packed), r.push(t, "team/filter:raw", raw)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: filterImage(t, []byte("other")), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: packed, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "wasip1", Architecture: "wasm"}}},
	)
	indexRef := r.push(t, "team/filter:index", index)
	s := newSources(t, nil, r.host)
	tests := []struct{ image, want string }{
		{"team/filter:packed", packedRef},
		{"team/filter:raw", rawRef},
		{"team/filter:index", indexRef},
		{strings.TrimPrefix(packedRef, r.host+"/"), packedRef},
	}
	for _, tt := range tests {
		t.Run(tt.image, func(t *testing.T) {
			resolved, got, err := read(t.Context(), s, imageRequest(r.host+"/"+tt.image, ""))
			if err != nil {
				t.Fatal(err)
			}
			resolved.Open = nil
			if diff := cmp.Diff(source.Resolved{Reference: tt.want, Key: tt.want, Immutable: true}, *resolved); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(got, filter) {
				t.Errorf("read %d other bytes", len(got))
			}
		})
	}
}

func TestResolvingIsOneHead(t *testing.T) {
	r := newRegistry(t, bearerAuth)
	r.push(t, "team/filter:v1", filterImage(t, filter))
	s := newSources(t, cluster{pullSecret(password, r.host)}, r.host)
	if _, err := s.Resolve(t.Context(), imageRequest(r.host+"/team/filter:v1", "regcred")); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET /v2/", "GET /token", "HEAD /v2/team/filter/manifests/v1"}
	if diff := cmp.Diff(want, r.received()); diff != "" {
		t.Error(diff)
	}
}

func TestPinned(t *testing.T) {
	r := newRegistry(t, basicAuth)
	old := r.push(t, "team/filter:v1", filterImage(t, filter))
	moved := r.push(t, "team/filter:v1", filterImage(t, []byte("moved")))
	other := r.push(t, "team/other:v1", filterImage(t, []byte("other")))
	s := newSources(t, cluster{pullSecret(password, r.host)}, r.host)
	tests := []struct{ name, image, pinned, want string }{
		{"pinned", "team/filter:v1", old, old},
		{"not pinned", "team/filter:v1", "", moved},
		{"pinned to another repository", "team/filter:v1", other, moved},
		{"pinned to a tag", "team/filter:v1", r.host + "/team/filter:v2", moved},
		{"pinned to nonsense", "team/filter:v1", "configmap/a/b/c", moved},
		{"the digest in the spec counts more", strings.TrimPrefix(moved, r.host+"/"), old, moved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request := imageRequest(r.host+"/"+tt.image, "regcred").Preferring(tt.pinned)
			resolved, err := s.Resolve(t.Context(), request.Exactly(source.Pin{Reference: request.Preferred}))
			if err != nil {
				t.Fatal(err)
			}
			if resolved.Reference != tt.want {
				t.Errorf("got %s, want %s", resolved.Reference, tt.want)
			}
		})
	}
	t.Run("without credentials", func(t *testing.T) {
		request := imageRequest(r.host+"/team/filter:v1", "").Exactly(source.Pin{Reference: old})
		_, err := s.Resolve(t.Context(), request)
		wantFailure(t, err, terminal(v1alpha1.ReasonUnauthorized))
	})
}

// Registries differ in how they answer a HEAD.
func TestHeadThatDoesNotAnswer(t *testing.T) {
	heads := map[string]http.HandlerFunc{
		"not allowed": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) },
		"not found":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"no digest": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Content-Length", "10")
		},
		"no type": func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil },
	}
	for name, head := range heads {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, open)
			want := r.push(t, "team/filter:v1", filterImage(t, filter))
			r.interfere = func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method == http.MethodHead {
					head(w, req)
				}
				return req.Method == http.MethodHead
			}
			resolved, got, err := read(t.Context(), newSources(t, nil, r.host), imageRequest(r.host+"/team/filter:v1", ""))
			if err != nil {
				t.Fatal(err)
			}
			if resolved.Reference != want || !bytes.Equal(got, filter) {
				t.Errorf("got %s", resolved.Reference)
			}
		})
	}
}

// The type that a manifest gives itself is covered by its digest, the header not.
func TestTypeOfTheManifestItself(t *testing.T) {
	for _, header := range []string{"application/json", "application/vnd.oci.image.index.v1+json", "text/html"} {
		r := newRegistry(t, open)
		r.push(t, "team/filter:v1", filterImage(t, filter))
		r.interfere = func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, "/manifests/") {
				return false
			}
			answer := httptest.NewRecorder()
			r.storage.ServeHTTP(answer, req)
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Type", header)
			_, _ = w.Write(answer.Body.Bytes())
			return true
		}
		_, got, err := read(t.Context(), newSources(t, nil, r.host), imageRequest(r.host+"/team/filter:v1", ""))
		if err != nil || !bytes.Equal(got, filter) {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// disguised answers for a digest with another manifest, of the type for which the registry client believes the digest
// in the header.
func disguised(digest string, manifest []byte) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.HasSuffix(req.URL.Path, "/manifests/"+digest) {
			return false
		}
		w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Content-Length", strconv.Itoa(len(manifest)))
		_, _ = w.Write(manifest)
		return true
	}
}

// A registry cannot send another image for a digest, nor for a child of an index, by calling it schema 1.
func TestDigestIsBinding(t *testing.T) {
	r := newRegistry(t, open)
	good := filterImage(t, filter)
	evil := filterImage(t, append(slices.Clone(filter), 0, 1, 0)) // with a custom section
	r.push(t, "team/filter:evil", evil)
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: good})
	digest, err := good.Digest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := evil.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	for name, pinned := range map[string]string{"image": r.push(t, "team/filter:v1", good), "child": r.push(t, "team/filter:index", index)} {
		t.Run(name, func(t *testing.T) {
			r.interfere = disguised(digest.String(), manifest)
			_, _, err := read(t.Context(), newSources(t, nil, r.host), imageRequest(pinned, ""))
			wantFailure(t, err, terminal(v1alpha1.ReasonUnsupportedImage), "schema 1")
		})
	}
}
