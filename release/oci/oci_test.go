// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/autowasm/autowasm/release/attest"
	"github.com/autowasm/autowasm/release/program"
)

var from = attest.Source{
	URL:    "https://source.example/autowasm",
	Commit: program.Commit{Revision: strings.Repeat("c", 40), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
}

// binaries are this test, which is a Go program, as if it were p for two platforms.
func binaries(t *testing.T, p program.Program) []*program.Binary {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var all []*program.Binary
	for _, arch := range []string{"amd64", "arm64"} {
		b, err := program.Read(executable, p, program.Platform{OS: "linux", Arch: arch}, "v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		b.Content = []byte("the program for " + arch) // small
		all = append(all, b)
	}
	return all
}

func indexOf(t *testing.T, p program.Program) v1.ImageIndex {
	t.Helper()
	index, err := Index(binaries(t, p), from, []byte("the license"))
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func manifestOf(t *testing.T, index v1.ImageIndex) *v1.IndexManifest {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

func imageOf(t *testing.T, index v1.ImageIndex, entry int) v1.Image {
	t.Helper()
	img, err := index.Image(manifestOf(t, index).Manifests[entry].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestIndex: an image for each platform, and then the attestations of each, which nothing takes for an image.
func TestIndex(t *testing.T) {
	index := indexOf(t, program.Wasmer)
	manifest := manifestOf(t, index)
	if manifest.MediaType != types.OCIImageIndex || manifest.Annotations["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("the index is %s with %v", manifest.MediaType, manifest.Annotations)
	}
	var got []string
	for _, entry := range manifest.Manifests {
		got = append(got, strings.TrimSpace(entry.Platform.String()+" "+entry.Annotations["vnd.docker.reference.type"]))
	}
	want := []string{"linux/amd64", "linux/arm64", "unknown/unknown attestation-manifest", "unknown/unknown attestation-manifest"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	for i := range 2 {
		if of := manifest.Manifests[i+2].Annotations["vnd.docker.reference.digest"]; of != manifest.Manifests[i].Digest.String() {
			t.Errorf("attestations %d are of %s", i, of)
		}
	}
}

// TestTheSameGivesTheSameDigest, and anything else another.
func TestTheSameGivesTheSameDigest(t *testing.T) {
	seen := map[v1.Hash]string{}
	other := from
	other.Commit.Modified = true
	for name, build := range map[string]func() (v1.ImageIndex, error){
		"wasmer":              func() (v1.ImageIndex, error) { return Index(binaries(t, program.Wasmer), from, []byte("l")) },
		"wasmc":               func() (v1.ImageIndex, error) { return Index(binaries(t, program.Wasmc), from, []byte("l")) },
		"one platform":        func() (v1.ImageIndex, error) { return Index(binaries(t, program.Wasmer)[:1], from, []byte("l")) },
		"a modified checkout": func() (v1.ImageIndex, error) { return Index(binaries(t, program.Wasmer), other, []byte("l")) },
	} {
		var digests []v1.Hash
		for range 2 {
			index, err := build()
			if err != nil {
				t.Fatal(err)
			}
			digest, err := index.Digest()
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, digest)
		}
		if digests[0] != digests[1] {
			t.Errorf("%s: %v", name, digests)
		}
		if before, ok := seen[digests[0]]; ok {
			t.Errorf("%s has the digest of %s", name, before)
		}
		seen[digests[0]] = name
	}
}

func TestConfig(t *testing.T) {
	img := imageOf(t, indexOf(t, program.Wasmer), 1)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{
		"org.opencontainers.image.title":       "wasmer",
		"org.opencontainers.image.description": program.Wasmer.Description,
		"org.opencontainers.image.version":     "v1.2.3",
		"org.opencontainers.image.revision":    from.Commit.Revision,
		"org.opencontainers.image.created":     "2026-01-02T03:04:05Z",
		"org.opencontainers.image.source":      "https://source.example/autowasm",
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
	want := v1.Config{User: "65532:65532", Entrypoint: []string{"/wasmer"}, Labels: labels}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if config.OS != "linux" || config.Architecture != "arm64" || !config.Created.Equal(from.Commit.Time) {
		t.Errorf("the image is for %s/%s, made at %s", config.OS, config.Architecture, config.Created)
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(labels, manifest.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// TestFiles: the program and the license, of root, and nothing that others may write but a directory of temporary files.
func TestFiles(t *testing.T) {
	for p, want := range map[program.Program][]string{
		program.Wasmer: {"-r--r--r-- LICENSE", "-r-xr-xr-x wasmer"},
		program.Wasmc:  {"-r--r--r-- LICENSE", "-r-xr-xr-x wasmc", "dtrwxrwxrwx tmp/"},
	} {
		layers, err := imageOf(t, indexOf(t, p), 0).Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		unpacked, err := layers[0].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer unpacked.Close()
		var got []string
		for files := tar.NewReader(unpacked); ; {
			header, err := files.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, header.FileInfo().Mode().String()+" "+header.Name)
			if header.Uid != 0 || header.Gid != 0 || !header.ModTime.Equal(from.Commit.Time) {
				t.Errorf("%s belongs to %d:%d and is of %s", header.Name, header.Uid, header.Gid, header.ModTime)
			}
			if content, _ := io.ReadAll(files); header.Name == p.Name && string(content) != "the program for amd64" {
				t.Errorf("%s is %q", header.Name, content)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p.Name, diff)
		}
	}
}

// TestAttestations: each layer is a statement about the image that it comes with.
func TestAttestations(t *testing.T) {
	index := indexOf(t, program.Wasmer)
	about := manifestOf(t, index).Manifests[0].Digest.Hex
	attestations := imageOf(t, index, 2)
	manifest, err := attestations.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, layer := range manifest.Layers {
		content, err := attestations.LayerByDigest(layer.Digest)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := content.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		var statement attest.Statement
		if err := json.NewDecoder(reader).Decode(&statement); err != nil {
			t.Fatal(err)
		}
		types = append(types, statement.PredicateType)
		if layer.MediaType != "application/vnd.in-toto+json" || layer.Annotations["in-toto.io/predicate-type"] != statement.PredicateType {
			t.Errorf("%s is described as %s, %v", statement.PredicateType, layer.MediaType, layer.Annotations)
		}
		if diff := cmp.Diff([]attest.Subject{{Name: "wasmer", Digest: map[string]string{"sha256": about}}}, statement.Subject); diff != "" {
			t.Errorf("%s is about (-want +got):\n%s", statement.PredicateType, diff)
		}
	}
	if diff := cmp.Diff([]string{attest.PredicateSPDX, attest.PredicateProvenance}, types); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLayoutAndPush: what is written is what is pushed.
func TestLayoutAndPush(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	index := indexOf(t, program.Wasmer)
	want, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(strings.TrimPrefix(server.URL, "http://") + "/team/wasmer:v1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() + "/wasmer"
	for range 2 { // the second replaces the first
		if err := WriteLayout(dir, index, ref); err != nil {
			t.Fatal(err)
		}
	}
	written, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(written, validate.Fast); err != nil {
		t.Error(err)
	}
	entries := manifestOf(t, written).Manifests
	if len(entries) != 1 || entries[0].Digest != want || entries[0].Annotations["org.opencontainers.image.ref.name"] != "v1" {
		t.Errorf("the layout has %+v", entries)
	}
	if err := Push(t.Context(), ref, index); err != nil {
		t.Fatal(err)
	}
	pushed, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pushed.Digest(); got != want || err != nil {
		t.Errorf("pushed %s, %v, want %s", got, err, want)
	}
	if err := validate.Index(pushed, validate.Fast); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	for reference, want := range map[string]string{
		"registry.example/wasmer:v1":              "registry.example/wasmer:v1 registry.example/wasmc:v1",
		"registry.example/team/server:v1":         "registry.example/team/server:v1 registry.example/team/wasmc:v1",
		"registry.example:5000/wasmer":            "registry.example:5000/wasmer:v9 registry.example:5000/wasmc:v9",
		"wasmer":                                  "index.docker.io/library/wasmer:v9 index.docker.io/library/wasmc:v9",
		"registry.example/team/wasmc:v1":          "",
		"registry.example/Team/wasmer:v1":         "",
		"registry.example/wasmer@sha256:" + "abc": "",
	} {
		names, err := Names(reference, "v9", "wasmer", "wasmc")
		if (err == nil) != (want != "") {
			t.Errorf("%s: %v", reference, err)
			continue
		}
		if err == nil && names["wasmer"].Name()+" "+names["wasmc"].Name() != want {
			t.Errorf("%s: %v, want %s", reference, names, want)
		}
	}
}

func TestAnIndexOfNoImages(t *testing.T) {
	if _, err := Index(nil, from, bytes.Repeat([]byte{'l'}, 3)); err == nil {
		t.Error("no error")
	}
}
