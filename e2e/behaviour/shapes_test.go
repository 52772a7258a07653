// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image/imagetest"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// The media types of the tools that push modules.
const (
	soloConfig  types.MediaType = "application/vnd.module.wasm.config.v1+json"
	soloLayer   types.MediaType = "application/vnd.module.wasm.content.layer.v1+wasm"
	v1Config    types.MediaType = "application/vnd.wasm.config.v1+json"
	v1Layer     types.MediaType = "application/vnd.wasm.content.layer.v1+wasm"
	cncfConfig  types.MediaType = "application/vnd.wasm.config.v0+json"
	wasmLayer   types.MediaType = "application/wasm"
	emptyConfig types.MediaType = "application/vnd.oci.empty.v1+json"
)

// cncf is the config that wkg writes, less what only a component has.
const cncf = `{"created":"2024-09-25T12:00:00Z","architecture":"wasm","os":"wasip1","layerDigests":[]}`

// shape is an image as one tool pushes it.
type shape struct {
	name  string
	build func(module []byte) *imagetest.Image
}

// shapes are the images of the world's tools.
func shapes() []shape {
	return []shape{
		{"wasme", func(m []byte) *imagetest.Image { return wasme(runtimeConfig(), bare(soloLayer, "filter.wasm", m)) }},
		{"wasme-other-order", func(m []byte) *imagetest.Image { return wasme(bare(soloLayer, "filter.wasm", m), runtimeConfig()) }},
		{"solo-single-layer", func(m []byte) *imagetest.Image { return artifact(emptyConfig, bare(soloLayer, "", m)) }},
		{"buildah", func(m []byte) *imagetest.Image {
			img := artifact(types.OCIConfigJSON, systemLayer(types.OCILayer), pluginLayer(types.OCILayer, "", m))
			img.Annotations = map[string]string{"module.wasm.image/variant": "compat"}
			return img
		}},
		{"docker-build", func(m []byte) *imagetest.Image {
			img := artifact(types.DockerConfigJSON, systemLayer(types.DockerLayer), pluginLayer(types.DockerLayer, "", m))
			img.MediaType = types.DockerManifestSchema2
			return img
		}},
		{"higress", func(m []byte) *imagetest.Image {
			return artifact("application/vnd.unknown.config.v1+json",
				imagetest.Layer{MediaType: "application/vnd.module.wasm.spec.v1+yaml", Content: []byte("apiVersion: 1.0.0"), Title: "spec.yaml"},
				imagetest.Layer{MediaType: "application/vnd.module.wasm.doc.v1+markdown", Content: []byte("# plugin"), Title: "README.md"},
				pluginLayer(types.OCILayer, "plugin.tar.gz", m))
		}},
		{"wasm-to-oci", func(m []byte) *imagetest.Image {
			img := artifact(v1Config, bare(v1Layer, "p.wasm", m))
			img.OmitType = true
			return img
		}},
		{"wkg", func(m []byte) *imagetest.Image {
			img := artifact(cncfConfig, bare(wasmLayer, "", m))
			img.Config = cncf
			return img
		}},
		{"oras-with-a-type", func(m []byte) *imagetest.Image { return oras(bare(wasmLayer, "p.wasm", m)) }},
		{"oras-without-a-type", func(m []byte) *imagetest.Image { return oras(bare(types.OCIUncompressedLayer, "p.wasm", m)) }},
		{"another-name-below-the-top", func(m []byte) *imagetest.Image {
			return artifact(types.OCIConfigJSON,
				imagetest.Layer{MediaType: types.OCILayer, Content: imagetest.Gzip(imagetest.Tar("opt/main.wasm", string(m)))},
				systemLayer(types.OCILayer))
		}},
		{"zstd", func(m []byte) *imagetest.Image {
			return artifact(types.OCIConfigJSON,
				imagetest.Layer{MediaType: types.OCILayerZStd, Content: imagetest.Zstd(imagetest.Tar("plugin.wasm", string(m)))})
		}},
	}
}

// artifact is an OCI manifest of these layers.
func artifact(config types.MediaType, layers ...imagetest.Layer) *imagetest.Image {
	return &imagetest.Image{ConfigType: config, Layers: layers}
}

func wasme(layers ...imagetest.Layer) *imagetest.Image {
	img := artifact(soloConfig, layers...)
	img.Annotations = map[string]string{"module.wasm.runtime/type": "envoy_proxy", "module.wasm.runtime/abi_version": "v0-0.2.1"}
	return img
}

func oras(layer imagetest.Layer) *imagetest.Image {
	img := artifact(emptyConfig, layer)
	img.ArtifactType = "application/vnd.unknown.artifact.v1"
	return img
}

// bare is a layer that is the module itself.
func bare(mediaType types.MediaType, title string, module []byte) imagetest.Layer {
	return imagetest.Layer{MediaType: mediaType, Content: module, Title: title}
}

func runtimeConfig() imagetest.Layer {
	return imagetest.Layer{MediaType: soloConfig, Content: []byte("{}"), Title: "runtime-config.json"}
}

// pluginLayer is an archive with the module where docker build puts it.
func pluginLayer(mediaType types.MediaType, title string, module []byte) imagetest.Layer {
	packed := imagetest.Tar("plugin.wasm", string(module), "runtime-config.json", "{}")
	return imagetest.Layer{MediaType: mediaType, Content: imagetest.Gzip(packed), Title: title}
}

// systemLayer has no module.
func systemLayer(mediaType types.MediaType) imagetest.Layer {
	return imagetest.Layer{MediaType: mediaType, Content: imagetest.Gzip(imagetest.Tar("etc/passwd", "root", "lib/a.so", "x"))}
}

// pushedShape is an image in the registry that holds a module of its own.
type pushedShape struct{ name, reference, sum string }

// TestEveryShapeOfImage proves the first half of invariant 3 for what the world's
// tools push: admitted, and Synced with exactly the module that was put in.
func TestEveryShapeOfImage(t *testing.T) {
	t.Parallel()
	var all []pushedShape
	for _, s := range shapes() {
		module := wasmtest.Module(wasmtest.Salt(t.Name() + s.name))
		ref := cluster.Push(t, "shapes/"+s.name+":v1", s.build(module).Build(t))
		all = append(all, pushedShape{s.name, ref, suite.SHA256(module)})
	}
	requireAllSynced(t, all)
}

// requireAllSynced applies an AutoWasm for each image at once and holds what came
// of it to the module that was pushed.
func requireAllSynced(t *testing.T, all []pushedShape) {
	t.Helper()
	ns := cluster.Namespace(t)
	var manifests []string
	for _, s := range all {
		manifests = append(manifests, suite.Manifest{Name: s.name, Source: suite.Image(s.reference)}.String())
	}
	if _, err := cluster.TryApply(t, ns, strings.Join(manifests, "---\n")); err != nil {
		t.Errorf("not every shape is admitted: %v", err)
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			aw := cluster.WaitPhase(t, ns, s.name, v1alpha1.PhaseSynced)
			if aw.Status.Module.SHA256 != s.sum {
				t.Errorf("module %s, want %s", aw.Status.Module.SHA256, s.sum)
			}
			requireServed(t, s.sum)
		})
	}
}
