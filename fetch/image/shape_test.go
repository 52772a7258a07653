// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/fetch/image"
)

// What each program misses in an image that it cannot load.
func TestLoaders(t *testing.T) {
	const (
		wantsPlugin = "wants plugin.wasm in the last layer"
		wantsLayer  = "wants plugin.wasm in a last layer of type tar+gzip, or exactly two layers with one of type " + soloLayer
		wantsConfig = "wants the configuration of an image"
		wantsTar    = "wants layers that are tar archives"
		wantsTitle  = "wants layers with a title"
		wantsCNCF   = "wants a single layer of type application/wasm and a configuration of type application/vnd.wasm.config.v0+json"
	)
	titled := func(l layer) layer { l.Title = "plugin.wasm"; return l }
	plugin, other := ociLayer(gzipOf(tarOf("plugin.wasm", string(wasm)))), ociLayer(gzipOf(tarOf("main.wasm", string(wasm))))
	base := ociLayer(gzipOf(tarOf("etc/passwd", "root")))
	bare := layer{MediaType: wasmLayer, Content: wasm}
	solo := layer{MediaType: soloLayer, Content: wasm}
	docker := func(l layer) layer { l.MediaType = types.DockerLayer; return l }
	tests := []struct {
		name                     string
		image                    testImage
		istio, docker, oras, wkg string
	}{
		{"an image", testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{base, titled(plugin)}}, "", "", "", wantsCNCF},
		{"without a title", testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{plugin}}, "", "", wantsTitle, wantsCNCF},
		{"another name", testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{other}}, wantsPlugin, "", wantsTitle, wantsCNCF},
		{"not the last layer", testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{plugin, base}}, wantsPlugin, "", wantsTitle, wantsCNCF},
		{"of Docker", testImage{MediaType: types.DockerManifestSchema2, ConfigType: types.DockerConfigJSON, Layers: []layer{docker(plugin)}}, "", "", wantsTitle, wantsCNCF},
		{"of Docker with a layer of OCI", testImage{MediaType: types.DockerManifestSchema2, ConfigType: types.DockerConfigJSON, Layers: []layer{plugin}}, wantsLayer, "", wantsTitle, wantsCNCF},
		{"of OCI with a layer of Docker", testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{docker(plugin)}}, wantsLayer, "", wantsTitle, wantsCNCF},
		{"another configuration", testImage{ConfigType: emptyConfig, Layers: []layer{plugin}}, "", wantsConfig, wantsTitle, wantsCNCF},
		{"a bare layer in an image", testImage{ConfigType: types.OCIConfigJSON, Layers: []layer{titled(bare)}}, wantsLayer, wantsTar, "", wantsCNCF},
		{"of the CNCF", testImage{ConfigType: "application/vnd.wasm.config.v0+json", Layers: []layer{bare}}, wantsLayer, wantsConfig, wantsTitle, ""},
		{"of Solo", testImage{ConfigType: soloConfig, Layers: []layer{{MediaType: soloConfig, Content: []byte("{}")}, titled(solo)}}, "", wantsConfig, "", wantsCNCF},
		{"of Solo with three layers", testImage{ConfigType: soloConfig, Layers: []layer{base, {MediaType: soloConfig, Content: []byte("{}")}, solo}}, wantsLayer, wantsConfig, wantsTitle, wantsCNCF},
		{"of Solo as Docker's", testImage{MediaType: types.DockerManifestSchema2, ConfigType: soloConfig, Layers: []layer{{MediaType: soloConfig, Content: []byte("{}")}, solo}}, wantsLayer, wantsConfig, wantsTitle, wantsCNCF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			img := tt.image.Build(t)
			stream, err := image.Open(t.Context(), img, limit)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			manifest, err := img.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			var want []image.Loader
			for _, l := range [][2]string{
				{"Istio WasmPlugin", tt.istio}, {"Envoy Gateway", tt.istio}, {"docker, containerd", tt.docker}, {"oras pull", tt.oras}, {"wkg", tt.wkg},
			} {
				want = append(want, image.Loader{Name: l[0], Loads: l[1] == "", Why: l[1]})
			}
			if diff := cmp.Diff(want, image.Loaders(manifest, stream)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestShapeOfAnImageWithoutLayers(t *testing.T) {
	if got := image.ShapeOf(&v1.Manifest{Config: v1.Descriptor{MediaType: types.OCIConfigJSON}}); got != image.ShapeArtifact {
		t.Errorf("ShapeOf = %s", got)
	}
}
