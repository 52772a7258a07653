// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
)

// rawImage has another manifest than the image that it wraps.
type rawImage struct {
	v1.Image
	manifest []byte
}

func (i rawImage) RawManifest() ([]byte, error) { return i.manifest, nil }

// testIndex is an index of children of any kind. An image child answers with its
// name as its manifest.
type testIndex struct {
	noIndex
	children []child
	raw      string // in place of a manifest
}

// noIndex has the methods that are not called.
type noIndex interface {
	MediaType() (types.MediaType, error)
	Digest() (v1.Hash, error)
	Size() (int64, error)
	IndexManifest() (*v1.IndexManifest, error)
}

type child struct {
	name        string
	os, arch    string // "" and "": no platform
	mediaType   types.MediaType
	annotations map[string]string
	index       *testIndex
}

func (i *testIndex) RawManifest() ([]byte, error) {
	if i.raw != "" {
		return []byte(i.raw), nil
	}
	var m v1.IndexManifest
	for _, c := range i.children {
		d := v1.Descriptor{MediaType: c.mediaType, Digest: digestOf([]byte(c.name)), Annotations: c.annotations}
		if d.MediaType == "" {
			d.MediaType = types.OCIManifestSchema1
		}
		if c.os+c.arch != "" {
			d.Platform = &v1.Platform{OS: c.os, Architecture: c.arch}
		}
		m.Manifests = append(m.Manifests, d)
	}
	return json.Marshal(m)
}

func (i *testIndex) find(h v1.Hash) child {
	for _, c := range i.children {
		if digestOf([]byte(c.name)) == h {
			return c
		}
	}
	return child{}
}

func (i *testIndex) Image(h v1.Hash) (v1.Image, error) {
	return rawImage{manifest: []byte(i.find(h).name)}, nil
}

func (i *testIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	if index := i.find(h).index; index != nil {
		return index, nil
	}
	return nil, fmt.Errorf("no index %s", h)
}

func nested(depth int) *testIndex {
	idx := &testIndex{children: []child{{name: "innermost"}}}
	for range depth - 1 {
		idx = &testIndex{children: []child{{name: "nested", mediaType: types.OCIImageIndex, index: idx}}}
	}
	return idx
}

func TestSelect(t *testing.T) {
	amd64 := child{name: "amd64", os: "linux", arch: "amd64"}
	arm64 := child{name: "arm64", os: "linux", arch: "arm64"}
	s390x := child{name: "s390x", os: "linux", arch: "s390x"}
	wasip1 := child{name: "wasip1", os: "wasip1", arch: "wasm"}
	wasip2 := child{name: "wasip2", os: "wasip2", arch: "wasm"}
	bare := child{name: "bare"}
	attestation := child{name: "attestation", os: "unknown", arch: "unknown",
		annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"}}
	unknown := child{name: "unknown", os: "unknown", arch: "unknown"}
	strange := child{name: "strange", mediaType: "application/json"}
	var many []child
	for i := range 257 {
		many = append(many, child{name: fmt.Sprint(i)})
	}
	tests := []struct {
		name    string
		index   *testIndex
		want    string
		refused refusal
	}{
		{"wasm before all", &testIndex{children: []child{bare, amd64, wasip1}}, "wasip1", refusal{}},
		{"linux/amd64 before the nameless and a component", &testIndex{children: []child{wasip2, bare, arm64, amd64}}, "amd64", refusal{}},
		{"the nameless", &testIndex{children: []child{arm64, bare}}, "bare", refusal{}},
		{"the only one", &testIndex{children: []child{arm64, attestation, unknown, strange}}, "arm64", refusal{}},
		{"the only one, a component", &testIndex{children: []child{wasip2}}, "wasip2", refusal{}},
		{"nested", nested(3), "innermost", refusal{}},
		{"nested too deep", nested(4), "", unsupported("image indexes are nested more than 3 deep")},
		{"empty", &testIndex{children: []child{attestation}}, "", unsupported("the image index has no images")},
		{"no fit", &testIndex{children: []child{arm64, s390x}}, "",
			unsupported(`the image index has neither a wasm nor a linux/amd64 image, only "linux/arm64", "linux/s390x": push the module with wasmc push, or build it for linux/amd64`)},
		{"too many", &testIndex{children: many}, "", unsupported("the image index has 257 children, more than 256")},
		{"broken", &testIndex{raw: "["}, "", unsupported("parse the image index: unexpected EOF")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img, err := image.Select(tt.index)
			if diff := cmp.Diff(tt.refused, refusalOf(err)); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
			if err != nil {
				return
			}
			if got, _ := img.RawManifest(); string(got) != tt.want {
				t.Errorf("selected %q, want %q", got, tt.want)
			}
		})
	}
}

// brokenIndex fails where a registry can fail.
type brokenIndex struct {
	*testIndex
	manifest, image, index error
}

func (i brokenIndex) RawManifest() ([]byte, error) {
	if i.manifest != nil {
		return nil, i.manifest
	}
	return i.testIndex.RawManifest()
}

func (i brokenIndex) Image(v1.Hash) (v1.Image, error) { return nil, i.image }

func (i brokenIndex) ImageIndex(v1.Hash) (v1.ImageIndex, error) { return nil, i.index }

// Errors of the registry keep their cause, and are for the caller to classify.
func TestSelectPassesOnErrorsOfTheRegistry(t *testing.T) {
	broken := errors.New("503 Service Unavailable")
	one, two := &testIndex{children: []child{{name: "x"}}}, nested(2)
	for want, idx := range map[string]v1.ImageIndex{
		"read the image index: ": brokenIndex{testIndex: one, manifest: broken},
		"read the index's image " + digestOf([]byte("x")).String() + ": ":     brokenIndex{testIndex: one, image: broken},
		"read the nested index " + digestOf([]byte("nested")).String() + ": ": brokenIndex{testIndex: two, index: broken},
	} {
		_, err := image.Select(idx)
		if _, classified := errors.AsType[*failure.Error](err); classified || !errors.Is(err, broken) || err.Error() != want+broken.Error() {
			t.Errorf("Select = %v, want %q", err, want)
		}
	}
}

// An index that lists itself comes to an end.
func TestSelectOfAnIndexThatListsItself(t *testing.T) {
	idx := &testIndex{}
	idx.children = []child{{name: "itself", mediaType: types.OCIImageIndex, index: idx}}
	_, err := image.Select(idx)
	if diff := cmp.Diff(unsupported("image indexes are nested more than 3 deep"), refusalOf(err)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Platforms are foreign text: quoted, cut, and no more than 16.
func TestSelectNamesPlatforms(t *testing.T) {
	var many []child
	for i := range 20 {
		many = append(many, child{name: fmt.Sprint(i), os: "linux", arch: fmt.Sprintf("a%02d", i)})
	}
	many[0].arch = "\x1b[2J" + strings.Repeat("x", 300)
	_, err := image.Select(&testIndex{children: many})
	got := refusalOf(err).Message
	for _, want := range []string{`only "linux/\x1b[2J` + strings.Repeat("x", 118) + `…", "linux/a01", `, `"linux/a15" and 4 more: push`} {
		if !strings.Contains(got, want) {
			t.Errorf("the message is %q, want %q in it", got, want)
		}
	}
}

// Manifests are whatever a registry sends.
func TestManifestsOfAnyJSON(t *testing.T) {
	built := (&testImage{}).Build(t)
	deep := strings.Repeat("[", 20_000)
	tests := map[string]string{
		"":                                       "parse the image's manifest: EOF",
		"null":                                   "the image has no layers, and so no WebAssembly module" + remedy,
		"{}":                                     "the image has no layers, and so no WebAssembly module" + remedy,
		`{"layers":null}`:                        "the image has no layers, and so no WebAssembly module" + remedy,
		`[]`:                                     "parse the image's manifest: json: ",
		`{"layers":{}}`:                          "parse the image's manifest: json: ",
		`{"layers":[{"size":1e99}]}`:             "parse the image's manifest: json: ",
		`{"layers":[{"digest":"md5:0"}]}`:        "parse the image's manifest: ",
		`{"layers":[{"digest":"sha256:zz"}]}`:    "parse the image's manifest: ",
		`{"layers":` + deep:                      "parse the image's manifest: ",
		`{"annotations":{"a":` + deep:            "parse the image's manifest: ",
		"\x1f\x8b\x08":                           "parse the image's manifest: ",
		"<!doctype html>":                        "parse the image's manifest: ",
		`{"layers":[` + layersOf(129) + `]}`:     "the image has 129 layers, more than 128" + remedy,
		`{"layers":[` + layersOf(100_000) + `]}`: "the image has 100000 layers, more than 128" + remedy,
	}
	for manifest, want := range tests {
		_, err := image.Open(t.Context(), rawImage{built, []byte(manifest)}, 1024)
		got := refusalOf(err)
		if got.Reason != v1alpha1.ReasonUnsupportedImage || !got.Terminal || !strings.HasPrefix(got.Message, want) || len(got.Message) > 1000 {
			t.Errorf("%.40q: got %+v, want %q", manifest, got, want)
		}
	}
}

// layersOf is the JSON of n layers.
func layersOf(n int) string {
	return strings.TrimSuffix(strings.Repeat(`{"digest":"sha256:`+strings.Repeat("0", 64)+`","size":1},`, n), ",")
}

// The media types that declare a layer to be the module.
func TestDeclaredMediaTypes(t *testing.T) {
	tests := map[types.MediaType]bool{
		"application/wasm":            true,
		"Application/WASM":            true,
		"application/wasm; charset=x": true,
		" application/wasm ":          true,
		"application/vnd.any+wasm":    true,
		soloLayer:                     true,
		"application/wasm+zstd":       false,
		"application/wasmx":           false,
		"application/vnd.wasm":        false,
		"text/wasm":                   false,
		"wasm":                        false,
		"":                            false,
		types.OCILayer:                false,
	}
	for mediaType, declared := range tests {
		img := (&testImage{ConfigType: emptyConfig, Layers: []layer{{MediaType: mediaType, Content: []byte("no module")}}}).Build(t)
		got, err := readModule(t, img, limit)
		if (err == nil) != declared || declared && string(got) != "no module" {
			t.Errorf("%q: %q, %v, want declared: %v", mediaType, got, err, declared)
		}
	}
}
