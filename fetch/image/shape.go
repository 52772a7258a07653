package image

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Shape is how an image carries its module. The values are what wasmc inspect
// prints.
type Shape string

// The shapes in which tools push modules.
const (
	// ShapeImage is a docker or OCI image: what Image writes, or docker build.
	ShapeImage Shape = "image"
	// ShapeBinary is the two-layer shape of Solo's wasme, which Binary writes.
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

const (
	wasmToOCILayerType types.MediaType = "application/vnd.wasm.content.layer.v1+wasm"
	cncfConfigType     types.MediaType = "application/vnd.wasm.config.v0+json"
	cncfLayerType      types.MediaType = "application/wasm"
)

// ShapeOf tells an image's shape by the media types in its manifest.
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
