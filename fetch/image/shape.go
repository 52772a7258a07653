// SPDX-License-Identifier: Apache-2.0

package image

import (
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Shape is how an image holds its module. The values are what wasmc inspect prints.
type Shape string

// The shapes that tools push.
const (
	// ShapeImage is a Docker or OCI image: what Image builds, or docker build.
	ShapeImage Shape = "image"
	// ShapeBinary is the two-layer artifact of Solo's wasme, which Binary builds.
	ShapeBinary Shape = "binary"
	// ShapeSingle is ShapeBinary without the runtime configuration.
	ShapeSingle Shape = "single-layer"
	// ShapeWasmToOCI is that of wasm-to-oci, kwctl and others.
	ShapeWasmToOCI Shape = "wasm-to-oci"
	// ShapeCNCF is the CNCF's Wasm OCI artifact: what wkg pushes.
	ShapeCNCF Shape = "cncf"
	// ShapeArtifact is any other artifact: what oras pushes.
	ShapeArtifact Shape = "artifact"
)

// The media types that distinguish the shapes.
const (
	soloConfigType     types.MediaType = "application/vnd.module.wasm.config.v1+json"
	soloLayerType      types.MediaType = "application/vnd.module.wasm.content.layer.v1+wasm"
	wasmToOCILayerType types.MediaType = "application/vnd.wasm.content.layer.v1+wasm"
	cncfConfigType     types.MediaType = "application/vnd.wasm.config.v0+json"
	cncfLayerType      types.MediaType = "application/wasm"
)

// ShapeOf returns an image's shape, by the media types in its manifest.
func ShapeOf(m *v1.Manifest) Shape {
	switch {
	case len(m.Layers) == 0:
		return ShapeArtifact
	case allLayers(m, wasmToOCILayerType):
		return ShapeWasmToOCI
	case allLayers(m, soloLayerType):
		return ShapeSingle
	case isSoloPair(m):
		return ShapeBinary
	case m.Config.MediaType == cncfConfigType && allLayers(m, cncfLayerType):
		return ShapeCNCF
	case dockerRefusal(m) == "":
		return ShapeImage
	default:
		return ShapeArtifact
	}
}

func isSoloPair(m *v1.Manifest) bool {
	return len(m.Layers) == 2 && (m.Layers[0].MediaType == soloLayerType || m.Layers[1].MediaType == soloLayerType)
}

func allLayers(m *v1.Manifest, t types.MediaType) bool {
	for _, layer := range m.Layers {
		if layer.MediaType != t {
			return false
		}
	}
	return true
}

// Loader is a program, or several that have the same rules, that loads modules from registries.
type Loader struct {
	// Name of the program.
	Name string `json:"name"`
	// Loads is true if it can read the image.
	Loads bool `json:"loads"`
	// Why not; empty if it can.
	Why string `json:"why,omitempty"`
}

// Loaders says which other programs can load the module of an image with manifest m, from which stream came. It
// follows their own rules for an image that is not in an index.
func Loaders(m *v1.Manifest, stream *Stream) []Loader {
	istio := istioRefusal(m, stream)
	loaders := []Loader{
		{Name: "Istio WasmPlugin", Why: istio},
		{Name: "Envoy Gateway", Why: istio},
		{Name: "docker, containerd", Why: dockerRefusal(m)},
		{Name: "oras pull", Why: orasRefusal(m)},
		{Name: "wkg", Why: wkgRefusal(m)},
	}
	for i := range loaders {
		loaders[i].Loads = loaders[i].Why == ""
	}
	return loaders
}

// istioRefusal follows Istio's agent, whose code Envoy Gateway shares.
func istioRefusal(m *v1.Manifest, stream *Stream) string {
	last := m.Layers[len(m.Layers)-1]
	packed := last.MediaType == types.OCILayer
	if m.MediaType == types.DockerManifestSchema2 {
		packed = last.MediaType == types.DockerLayer
	}
	switch {
	case packed && stream.Layer.Digest == last.Digest && path.Base(stream.Path) == preferredName:
		return ""
	case m.MediaType != types.DockerManifestSchema2 && isSoloPair(m):
		return ""
	case packed:
		return "wants plugin.wasm in the last layer"
	default:
		return "wants plugin.wasm in a last layer of type tar+gzip, or exactly two layers with one of type " + string(soloLayerType)
	}
}

func dockerRefusal(m *v1.Manifest) string {
	if !m.Config.MediaType.IsConfig() {
		return "wants the configuration of an image"
	}
	for _, layer := range m.Layers {
		if !layer.MediaType.IsLayer() {
			return "wants layers that are tar archives"
		}
	}
	return ""
}

// orasRefusal is about what oras writes to disk: it skips layers without a title.
func orasRefusal(m *v1.Manifest) string {
	for _, layer := range m.Layers {
		if layer.Annotations[titleAnnotation] != "" {
			return ""
		}
	}
	return "wants layers with a title"
}

func wkgRefusal(m *v1.Manifest) string {
	if m.Config.MediaType == cncfConfigType && len(m.Layers) == 1 && m.Layers[0].MediaType == cncfLayerType {
		return ""
	}
	return "wants a single layer of type application/wasm and a configuration of type " + string(cncfConfigType)
}
