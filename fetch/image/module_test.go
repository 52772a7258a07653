package image_test

import (
	"bytes"
	"fmt"
	"io"
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
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

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
	// Istio and Docker tell whether they can load it.
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
	runtime := layer{mediaType: soloConfig, content: []byte("{}"), title: "runtime-config.json"}
	oci, docker := types.OCIConfigJSON, types.DockerConfigJSON
	raw := func(t types.MediaType, title string) layer { return layer{mediaType: t, content: wasm, title: title} }
	tgz := layer{mediaType: types.OCILayer, content: packed}
	base := layer{mediaType: types.OCILayer, content: gzipOf(tarOf("etc/passwd", "root", "lib/a.so", "x"))}
	return []shape{
		{"wasme", testImage{configType: soloConfig, layers: []layer{runtime, raw(soloLayer, "filter.wasm")}},
			expectation{image.ShapeBinary, "", true, false}},
		{"wasme, the other order", testImage{configType: soloConfig, layers: []layer{raw(soloLayer, ""), runtime}},
			expectation{image.ShapeBinary, "", true, false}},
		{"one Solo layer", testImage{configType: emptyConfig, layers: []layer{raw(soloLayer, "")}},
			expectation{image.ShapeSingle, "", false, false}},
		{"buildah", testImage{configType: oci, layers: []layer{tgz}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"OCI without a manifest type", testImage{omitType: true, configType: oci, layers: []layer{tgz}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"docker build", testImage{mediaType: types.DockerManifestSchema2, configType: docker, layers: []layer{
			{mediaType: types.DockerLayer, content: base.content}, {mediaType: types.DockerLayer, content: packed}}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"Higress", testImage{configType: "application/vnd.unknown.config.v1+json", layers: []layer{
			{mediaType: "application/vnd.module.wasm.spec.v1+yaml", content: []byte("apiVersion: 1.0.0"), title: "spec.yaml"},
			{mediaType: "application/vnd.module.wasm.doc.v1+markdown", content: []byte("# plugin"), title: "README.md"},
			{mediaType: types.OCILayer, content: packed, title: "plugin.tar.gz"}}},
			expectation{image.ShapeArtifact, "plugin.wasm", true, false}},
		{"wasm-to-oci", testImage{omitType: true, configType: "application/vnd.wasm.config.v1+json", layers: []layer{raw(v1Layer, "p.wasm")}},
			expectation{image.ShapeWasmToOCI, "", false, false}},
		{"wkg", testImage{configType: "application/vnd.wasm.config.v0+json", layers: []layer{raw(wasmLayer, "")}},
			expectation{image.ShapeCNCF, "", false, false}},
		{"oras with a type", testImage{configType: emptyConfig, layers: []layer{raw(wasmLayer, "p.wasm")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"oras without a type", testImage{configType: emptyConfig, layers: []layer{raw("application/vnd.oci.image.layer.v1.tar", "p.wasm")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"runwasi", testImage{configType: oci, layers: []layer{raw("application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", "")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"spin", testImage{configType: "application/vnd.fermyon.spin.application.v1+config", layers: []layer{
			raw(v1Layer, ""), {mediaType: "application/vnd.fermyon.spin.bundle.v1.tar+gzip", content: gzipOf(tarOf("assets/x", "y"))}}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"a main.wasm", testImage{configType: oci, layers: []layer{{mediaType: types.OCILayer, content: gzipOf(tarOf("./main.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "main.wasm", false, true}},
		{"plugin.wasm beside another", testImage{configType: oci, layers: []layer{
			{mediaType: types.OCILayer, content: gzipOf(tarOf("a.wasm", "no", "plugin.wasm", string(wasm), "z.wasm", "no"))}}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"in a directory", testImage{configType: oci, layers: []layer{{mediaType: types.OCILayer, content: gzipOf(tarOf("/app/plugin.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "app/plugin.wasm", true, true}},
		{"not the last layer", testImage{configType: oci, layers: []layer{tgz, base}},
			expectation{image.ShapeImage, "plugin.wasm", false, true}},
		{"the last of two modules", testImage{configType: oci, layers: []layer{
			{mediaType: types.OCILayer, content: gzipOf(tarOf("plugin.wasm", "old"))}, tgz}},
			expectation{image.ShapeImage, "plugin.wasm", true, true}},
		{"uncompressed", testImage{configType: oci, layers: []layer{{mediaType: types.OCIUncompressedLayer, content: tarOf("plugin.wasm", string(wasm))}}},
			expectation{image.ShapeImage, "plugin.wasm", false, true}},
		{"zstd", testImage{configType: oci, layers: []layer{{mediaType: types.OCILayerZStd, content: zstdOf(tarOf("plugin.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "plugin.wasm", false, true}},
		{"gzip under a bare type", testImage{configType: emptyConfig, layers: []layer{{mediaType: wasmLayer, content: gzipOf(wasm)}}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"an archive under a bare type", testImage{configType: emptyConfig, layers: []layer{{mediaType: wasmLayer, content: packed}}},
			expectation{image.ShapeArtifact, "plugin.wasm", false, false}},
		{"one blob under two types", testImage{configType: emptyConfig, layers: []layer{raw(types.OCILayer, ""), raw(soloLayer, "")}},
			expectation{image.ShapeBinary, "", true, false}},
		{"one blob under two bare types", testImage{configType: emptyConfig, layers: []layer{raw(wasmLayer, "a.wasm"), raw(soloLayer, "a.wasm")}},
			expectation{image.ShapeBinary, "", true, false}},
		{"several bare modules, one titled", testImage{configType: emptyConfig, layers: []layer{
			{mediaType: wasmLayer, content: []byte("other"), title: "a.wasm"}, raw(wasmLayer, "plugin.wasm")}},
			expectation{image.ShapeArtifact, "", false, false}},
		{"files of macOS", testImage{configType: oci, layers: []layer{{mediaType: types.OCILayer, content: gzipOf(tarOf("._main.wasm", "AppleDouble", "main.wasm", string(wasm)))}}},
			expectation{image.ShapeImage, "main.wasm", false, true}},
		{"a file that was renamed", testImage{configType: oci, layers: []layer{
			{mediaType: types.OCILayer, content: gzipOf(tarOf("app/main.wasm", string(wasm)))},
			{mediaType: types.OCILayer, content: gzipOf(tarOf("app/.wh.other.wasm", "", ".wh..wh.plnk", ""))}}},
			expectation{image.ShapeImage, "app/main.wasm", false, true}},
	}
}

func TestModuleReadsEveryShape(t *testing.T) {
	for _, tt := range shapes() {
		t.Run(tt.name, func(t *testing.T) {
			checkShape(t, tt.image.build(t), tt.want)
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
			if err := remote.Write(ref, tt.image.build(t)); err != nil {
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
	base := layer{mediaType: types.OCILayer, content: gzipOf(tarOf("etc/passwd", "root"))}
	plugin := layer{mediaType: types.OCILayer, content: gzipOf(tarOf("plugin.wasm", string(wasm)))}
	other := layer{mediaType: types.OCILayer, content: gzipOf(tarOf("other.wasm", string(wasm)))}
	tests := []struct {
		name   string
		layers []layer
		want   []layer
	}{
		{"plugin.wasm last", []layer{base, plugin}, []layer{plugin}},
		{"a declared module first", []layer{{mediaType: wasmLayer, content: wasm}, base}, []layer{{content: wasm}}},
		{"another name", []layer{base, other}, []layer{other, other}},
		{"an earlier layer", []layer{plugin, base}, []layer{base, plugin}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := &testImage{configType: types.OCIConfigJSON, layers: tt.layers}
			if _, err := readModule(t, img.build(t), limit); err != nil {
				t.Fatal(err)
			}
			var want []v1.Hash
			for _, l := range tt.want {
				want = append(want, digestOf(l.content))
			}
			if diff := cmp.Diff(want, img.opened); diff != "" {
				t.Errorf("opened (-want +got)\n%s", diff)
			}
		})
	}
}

func readModule(t *testing.T, img v1.Image, max int64) ([]byte, error) {
	t.Helper()
	rc, err := image.Module(t.Context(), img, max)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}
