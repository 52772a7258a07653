package image_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/fetch/image"
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

func (i *testIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) { return i.find(h).index, nil }

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
