// SPDX-License-Identifier: Apache-2.0

package imagetest_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/fetch/image/imagetest"
)

// The manifest says what the Image says and nothing of its own.
func TestManifestIsAsWritten(t *testing.T) {
	img := &imagetest.Image{
		MediaType: types.DockerManifestSchema2, OmitType: true, ArtifactType: "a/b", ConfigType: "c/d", Config: "[]",
		Annotations: map[string]string{"k": "v"},
		Layers:      []imagetest.Layer{{MediaType: "x/y", Content: []byte("abc"), Title: "t", Size: 1 << 60}},
	}
	built := img.Build(t)
	raw, err := built.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got v1.Manifest
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := v1.Manifest{
		SchemaVersion: 2, ArtifactType: "a/b", Annotations: map[string]string{"k": "v"},
		Config: v1.Descriptor{MediaType: "c/d", Digest: imagetest.Digest([]byte("[]")), Size: 2},
		Layers: []v1.Descriptor{{MediaType: "x/y", Digest: imagetest.Digest([]byte("abc")), Size: 1 << 60,
			Annotations: map[string]string{"org.opencontainers.image.title": "t"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if mediaType, err := built.MediaType(); err != nil || mediaType != types.DockerManifestSchema2 {
		t.Errorf("the image is of type %s (%v)", mediaType, err)
	}
}

// What a reader gets may differ from what the digest promises, and is noted.
func TestLayersAreOpenedAndNoted(t *testing.T) {
	plain := imagetest.Layer{MediaType: "x/y", Content: []byte("plain")}
	wrong := imagetest.Layer{MediaType: "x/y", Content: []byte("right"), Open: func() io.Reader { return strings.NewReader("wrong") }}
	img := &imagetest.Image{ConfigType: "c/d", Layers: []imagetest.Layer{plain, wrong}}
	built := img.Build(t)
	order := []v1.Hash{imagetest.Digest(wrong.Content), imagetest.Digest(plain.Content)}
	var got []string
	for _, digest := range order {
		got = append(got, open(t, built, digest))
	}
	if diff := cmp.Diff([]string{"wrong", "plain"}, got); diff != "" {
		t.Errorf("content (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(order, img.Opened); diff != "" {
		t.Errorf("opened (-want +got)\n%s", diff)
	}
}

func open(t *testing.T, img v1.Image, digest v1.Hash) string {
	t.Helper()
	l, err := img.LayerByDigest(digest)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	content, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
