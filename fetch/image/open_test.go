// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/image/imagetest"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// Short names, so that a row of a table stays a line.
type (
	layer     = imagetest.Layer
	testImage = imagetest.Image
)

var (
	digestOf  = imagetest.Digest
	tarOf     = imagetest.Tar
	tarLink   = imagetest.TarLink
	tarHeader = imagetest.TarHeader
	gzipOf    = imagetest.Gzip
	zstdOf    = imagetest.Zstd
)

// discard silences the registry.
var discard = log.New(io.Discard, "", 0)

const (
	soloConfig  = "application/vnd.module.wasm.config.v1+json"
	soloLayer   = "application/vnd.module.wasm.content.layer.v1+wasm"
	v1Layer     = "application/vnd.wasm.content.layer.v1+wasm"
	wasmLayer   = "application/wasm"
	emptyConfig = "application/vnd.oci.empty.v1+json"

	limit = 1 << 20
)

// wasm is the module that every image of shapes holds.
var wasm = wasmtest.Module()

// expectation is what is to be read out of an image of one shape.
type expectation struct {
	Shape image.Shape
	Path  string
	// Istio and Docker are true if they can load it.
	Istio, Docker bool
}

type shape struct {
	name  string
	image testImage
	want  expectation
}

// shapes are the shapes that tools push, and some that people do.
func shapes() []shape {
	packed := gzipOf(tarOf("plugin.wasm", string(wasm), "runtime-config.json", "{}"))
	runtime := layer{MediaType: soloConfig, Content: []byte("{}"), Title: "runtime-config.json"}
	oci, docker := types.OCIConfigJSON, types.DockerConfigJSON
	raw := func(t types.MediaType, title string) layer { return layer{MediaType: t, Content: wasm, Title: title} }
	tgz := layer{MediaType: types.OCILayer, Content: packed}
	base := layer{MediaType: types.OCILayer, Content: gzipOf(tarOf("etc/passwd", "root", "lib/a.so", "x"))}
	return []shape{
		{"wasme", testImage{ConfigType: soloConfig, Layers: []layer{runtime, raw(soloLayer, "filter.wasm")}},
			expectation{image.ShapeBinary, "", true, false}},
		{"wasme, the other order", testImage{ConfigType: soloConfig, Layers: []layer{raw(soloLayer, ""), runtime}},
			expectation{image.ShapeBinary, "", true, false}},
		{"one Solo layer", testImage{ConfigType: emptyConfig, Layers: []layer{raw(soloLayer, "")}},
			expectation{image.ShapeSingle, "", false, false}},
		{"buildah", testImage{ConfigType: oci, Layers: []layer{tgz}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"OCI without a manifest type", testImage{OmitType: true, ConfigType: oci, Layers: []layer{tgz}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"docker build", testImage{MediaType: types.DockerManifestSchema2, ConfigType: docker, Layers: []layer{
			{MediaType: types.DockerLayer, Content: base.Content}, {MediaType: types.DockerLayer, Content: packed}}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"Higress", testImage{ConfigType: "application/vnd.unknown.config.v1+json", Layers: []layer{
			{MediaType: "application/vnd.module.wasm.spec.v1+yaml", Content: []byte("apiVersion: 1.0.0"), Title: "spec.yaml"},
			{MediaType: "application/vnd.module.wasm.doc.v1+markdown", Content: []byte("# plugin"), Title: "README.md"},
			{MediaType: types.OCILayer, Content: packed, Title: "plugin.tar.gz"}}},
			expectation{image.ShapeArtifact, "plugin.wasm", true, false}},
		{"wasm-to-oci", testImage{OmitType: true, ConfigType: "application/vnd.wasm.config.v1+json", Layers: []layer{raw(v1Layer, "p.wasm")}},
			expectation{image.ShapeWasmToOCI, "", false, false}},
		{"wkg", testImage{ConfigType: "application/vnd.wasm.config.v0+json", Layers: []layer{raw(wasmLayer, "")}},
			expectation{image.ShapeCNCF, "", false, false}},
		{"oras with a type", testImage{ConfigType: emptyConfig, Layers: []layer{raw(wasmLayer, "p.wasm")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"oras without a type", testImage{ConfigType: emptyConfig, Layers: []layer{raw("application/vnd.oci.image.layer.v1.tar", "p.wasm")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"runwasi", testImage{ConfigType: oci, Layers: []layer{raw("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", "")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"spin", testImage{ConfigType: "application/vnd.fermyon.spin.application.v1+config", Layers: []layer{
			raw(v1Layer, ""), {MediaType: "application/vnd.fermyon.spin.bundle.v1.tar+gzip", Content: gzipOf(tarOf("assets/x", "y"))}}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"a main.wasm", testImage{ConfigType: oci, Layers: []layer{{MediaType: types.OCILayer, Content: gzipOf(tarOf("./main.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "main.wasm", false, true}},
		{"plugin.wasm beside another", testImage{ConfigType: oci, Layers: []layer{
			{MediaType: types.OCILayer, Content: gzipOf(tarOf("a.wasm", "no", "plugin.wasm", string(wasm), "z.wasm", "no"))}}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"in a directory", testImage{ConfigType: oci, Layers: []layer{{MediaType: types.OCILayer, Content: gzipOf(tarOf("/app/plugin.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "app/plugin.wasm", true, true}},
		{"not the last layer", testImage{ConfigType: oci, Layers: []layer{tgz, base}},
			expectation{image.ShapeImage, "plugin.wasm", false, true}},
		{"the last of two modules", testImage{ConfigType: oci, Layers: []layer{
			{MediaType: types.OCILayer, Content: gzipOf(tarOf("plugin.wasm", "old"))}, tgz}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"uncompressed", testImage{ConfigType: oci, Layers: []layer{{MediaType: types.OCIUncompressedLayer, Content: tarOf("plugin.wasm", string(wasm))}}},
			expectation{image.ShapeImage, "plugin.wasm", false, true}},
		{"zstd", testImage{ConfigType: oci, Layers: []layer{{MediaType: types.OCILayerZStd, Content: zstdOf(tarOf("plugin.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "plugin.wasm", false, true}},
		{"gzip under a bare type", testImage{ConfigType: emptyConfig, Layers: []layer{{MediaType: wasmLayer, Content: gzipOf(wasm)}}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"an archive under a bare type", testImage{ConfigType: emptyConfig, Layers: []layer{{MediaType: wasmLayer, Content: packed}}},
			expectation{image.ShapeArtifact, "plugin.wasm", false, false}},
		{"one blob under two types", testImage{ConfigType: emptyConfig, Layers: []layer{raw(types.OCILayer, ""), raw(soloLayer, "")}},
			expectation{image.ShapeBinary, "", true, false}},
		{"one blob under two bare types", testImage{ConfigType: emptyConfig, Layers: []layer{raw(wasmLayer, "a.wasm"), raw(soloLayer, "a.wasm")}},
			expectation{image.ShapeBinary, "", true, false}},
		{"several bare modules, one titled", testImage{ConfigType: emptyConfig, Layers: []layer{
			{MediaType: wasmLayer, Content: []byte("other"), Title: "a.wasm"}, raw(wasmLayer, "plugin.wasm")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"files of macOS", testImage{ConfigType: oci, Layers: []layer{{MediaType: types.OCILayer, Content: gzipOf(tarOf("._main.wasm", "AppleDouble", "main.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "main.wasm", false, true}},
		{"a file that was renamed", testImage{ConfigType: oci, Layers: []layer{
			{MediaType: types.OCILayer, Content: gzipOf(tarOf("app/main.wasm", string(wasm)))},
			{MediaType: types.OCILayer, Content: gzipOf(tarOf("app/.wh.other.wasm", "", ".wh..wh.plnk", ""))}}},
			expectation{image.ShapeImage, "app/main.wasm", false, true}},
	}
}

func TestModuleReadsEveryShape(t *testing.T) {
	for _, tt := range shapes() {
		t.Run(tt.name, func(t *testing.T) {
			checkShape(t, tt.image.Build(t), tt.want)
		})
	}
}

// A real client of a real registry speaks of layers by their digests only.
func TestModuleReadsEveryShapeFromARegistry(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(discard)))
	defer server.Close()
	for i, tt := range shapes() {
		t.Run(tt.name, func(t *testing.T) {
			ref := reference(t, server, fmt.Sprintf("test/shape:v%d", i))
			if err := remote.Write(ref, tt.image.Build(t)); err != nil {
				t.Fatal(err)
			}
			img, err := remote.Image(ref, remote.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			checkShape(t, img, tt.want)
		})
	}
}

func reference(t *testing.T, server *httptest.Server, ref string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func checkShape(t *testing.T, img v1.Image, want expectation) {
	t.Helper()
	stream, err := image.Open(t.Context(), img, limit)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	content, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, wasm) {
		t.Errorf("read %d bytes that are not the module", len(content))
	}
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, observe(manifest, stream)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func observe(m *v1.Manifest, stream *image.Stream) expectation {
	got := expectation{Shape: image.ShapeOf(m), Path: stream.Path}
	for _, loader := range image.Loaders(m, stream) {
		switch loader.Name {
		case "Istio WasmPlugin":
			got.Istio = loader.Loads
		case "docker, containerd":
			got.Docker = loader.Loads
		}
	}
	return got
}

// Only the layer with the module is read, and once, save where its name leaves
// open whether there is another.
func TestModuleOpensNoMoreThanItMust(t *testing.T) {
	base := layer{MediaType: types.OCILayer, Content: gzipOf(tarOf("etc/passwd", "root"))}
	plugin := layer{MediaType: types.OCILayer, Content: gzipOf(tarOf("plugin.wasm", string(wasm)))}
	other := layer{MediaType: types.OCILayer, Content: gzipOf(tarOf("other.wasm", string(wasm)))}
	tests := []struct {
		name   string
		layers []layer
		want   []layer
	}{
		{"plugin.wasm last", []layer{base, plugin}, []layer{plugin}},
		{"a declared module first", []layer{{MediaType: wasmLayer, Content: wasm}, base}, []layer{{Content: wasm}}},
		{"another name", []layer{base, other}, []layer{other, other}},
		{"an earlier layer", []layer{plugin, base}, []layer{base, plugin}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := &testImage{ConfigType: types.OCIConfigJSON, Layers: tt.layers}
			if _, err := readModule(t, img.Build(t), limit); err != nil {
				t.Fatal(err)
			}
			var want []v1.Hash
			for _, l := range tt.want {
				want = append(want, digestOf(l.Content))
			}
			if diff := cmp.Diff(want, img.Opened); diff != "" {
				t.Errorf("opened (-want +got)\n%s", diff)
			}
		})
	}
}

func readModule(t *testing.T, img v1.Image, max int64) ([]byte, error) {
	t.Helper()
	rc, err := image.Open(t.Context(), img, max)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}
