// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

const title = "org.opencontainers.image.title"

// payload does not depend on how test modules are built: its digests are golden.
var payload = []byte("\x00asm\x01\x00\x00\x00")

// The digests are golden: when one changes, pushing a file again does not find it
// in the registry any more, and a pinned digest is not that of the same module.
func TestImage(t *testing.T) {
	img := built(t)(image.Image(payload, "0.2.1"))
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	want := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: types.OCIConfigJSON},
		Layers: []v1.Descriptor{
			{MediaType: types.OCILayer, Annotations: map[string]string{title: "plugin.tar.gz"}},
		},
		Annotations: map[string]string{"module.wasm.image/variant": "compat"},
	}
	checkManifest(t, img, want, "sha256:54565f2dedf29a4690d65909977afff3fcafa072cc0a458297996396b9d8e224")
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Architecture != "amd64" || config.Created.Unix() != 0 {
		t.Errorf("config is for %s/%s of %s", config.OS, config.Architecture, config.Created)
	}
	if diff := cmp.Diff(wantFiles, files(t, img)); diff != "" {
		t.Errorf("files (-want +got)\n%s", diff)
	}
}

// packed is an entry of a layer.
type packed struct {
	Name, Content string
	Mode, ModTime int64
	UID, GID      int
}

const runtimeConfig = `{"abiVersions":["0.2.1"],"config":{"rootIds":[]},"type":"envoy_proxy"}`

var wantFiles = []packed{
	{Name: "plugin.wasm", Content: string(payload), Mode: 0o444},
	{Name: "runtime-config.json", Content: runtimeConfig, Mode: 0o444},
}

func files(t *testing.T, img v1.Image) []packed {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layers[len(layers)-1].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	var found []packed
	for r := tar.NewReader(rc); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, packed{header.Name, string(content), header.Mode, header.ModTime.Unix(), header.Uid, header.Gid})
	}
}

func TestBinary(t *testing.T) {
	want := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: soloConfig},
		Layers: []v1.Descriptor{
			{MediaType: soloConfig, Annotations: map[string]string{title: "runtime-config.json"}},
			{MediaType: soloLayer, Annotations: map[string]string{title: "plugin.wasm"}},
		},
		Annotations: map[string]string{"module.wasm.runtime/type": "envoy_proxy", "module.wasm.runtime/abi_version": "0.2.1"},
	}
	img := built(t)(image.Binary(payload, "0.2.1"))
	checkManifest(t, img, want, "sha256:b9c5b1cc7472558e7cf4236e85f28d18ff081b443a65b900e69e86a90e6e5a6b")
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(runtimeConfig, string(config)); diff != "" {
		t.Errorf("config (-want +got)\n%s", diff)
	}
}

func built(t *testing.T) func(v1.Image, error) v1.Image {
	return func(img v1.Image, err error) v1.Image {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
}

// checkManifest compares all but the blobs' digests, which the image's covers.
func checkManifest(t *testing.T, img v1.Image, want v1.Manifest, wantDigest string) {
	t.Helper()
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got v1.Manifest
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	ignored := cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".Digest" || p.Last().String() == ".Size"
	}, cmp.Ignore())
	if diff := cmp.Diff(want, got, ignored); diff != "" {
		t.Errorf("manifest (-want +got)\n%s", diff)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if digest.String() != wantDigest {
		t.Errorf("digest = %s, want %s", digest, wantDigest)
	}
}

func TestWritersAreReadBack(t *testing.T) {
	for _, abi := range []string{"0.2.1", ""} {
		for _, write := range []func([]byte, string) (v1.Image, error){image.Image, image.Binary} {
			got, err := readModule(t, built(t)(write(wasm, abi)), limit)
			if err != nil {
				t.Error(err)
			}
			if string(got) != string(wasm) {
				t.Errorf("read %d bytes that are not the module", len(got))
			}
		}
	}
}

// What is built is a function of the arguments.
func TestBuildsAreReproducible(t *testing.T) {
	big := wasmtest.Module(wasmtest.Padding(300_000))
	for name, build := range map[string]func([]byte, string) (v1.Image, error){"image": image.Image, "binary": image.Binary} {
		digest := func(module []byte, abi string) string {
			h, err := built(t)(build(module, abi)).Digest()
			if err != nil {
				t.Fatal(err)
			}
			return h.String()
		}
		if digest(big, "0.2.1") != digest(bytes.Clone(big), "0.2.1") {
			t.Errorf("%s: two builds differ", name)
		}
		distinct := map[string]bool{digest(big, "0.2.1"): true, digest(big, "0.2.0"): true, digest(big, ""): true, digest(payload, "0.2.1"): true}
		if len(distinct) != 4 {
			t.Errorf("%s: %d digests of 4 different builds", name, len(distinct))
		}
	}
}

// Without a known ABI nothing is said of it.
func TestBuildsWithoutAnABI(t *testing.T) {
	img := built(t)(image.Binary(payload, ""))
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"module.wasm.runtime/type": "envoy_proxy"}, manifest.Annotations); diff != "" {
		t.Errorf("annotations (-want +got)\n%s", diff)
	}
	config, err := img.RawConfigFile()
	if want := `{"abiVersions":[],"config":{"rootIds":[]},"type":"envoy_proxy"}`; err != nil || string(config) != want {
		t.Errorf("config = %s, %v, want %s", config, err, want)
	}
}

// A registry takes what is built, and a client gets back what was pushed.
func TestBuildsGoThroughARegistry(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(discard)))
	defer server.Close()
	module := wasmtest.Module(wasmtest.Padding(100_000))
	for name, build := range map[string]func([]byte, string) (v1.Image, error){"image": image.Image, "binary": image.Binary} {
		t.Run(name, func(t *testing.T) {
			img, ref := built(t)(build(module, "0.2.1")), reference(t, server, "test/"+name+":v1")
			if err := remote.Write(ref, img); err != nil {
				t.Fatal(err)
			}
			pulled, err := remote.Image(ref, remote.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			got, err := readModule(t, pulled, limit)
			if err != nil || !bytes.Equal(got, module) {
				t.Errorf("%d bytes, %v, want the %d that were pushed", len(got), err, len(module))
			}
			want, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			if digest, err := pulled.Digest(); err != nil || digest != want {
				t.Errorf("digest = %s, %v, want %s", digest, err, want)
			}
		})
	}
}

func TestBuildsHaveNoOtherLayers(t *testing.T) {
	img := built(t)(image.Image(payload, "0.2.1"))
	unknown := digestOf([]byte("unknown"))
	l, err := img.LayerByDigest(unknown)
	if err == nil {
		t.Errorf("there is a layer %v", l)
	} else if want := "the image has no layer " + unknown.String(); err.Error() != want {
		t.Errorf("LayerByDigest = %v, want %q", err, want)
	}
}
