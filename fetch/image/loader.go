package image

import (
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Loader is a program, or a family of them, that loads modules from registries.
type Loader struct {
	// Name of the program.
	Name string `json:"name"`
	// Loads tells whether it can read the image.
	Loads bool `json:"loads"`
	// Why not; empty when it can.
	Why string `json:"why,omitempty"`
}

// Loaders tells who else can load the module of an image with manifest m, out of
// which stream came. It follows the programs' own rules for an image that is not
// behind an index.
func Loaders(m *v1.Manifest, stream *Stream) []Loader {
	istio := istioRefusal(m, stream)
	return []Loader{
		loader("Istio WasmPlugin", istio),
		loader("Envoy Gateway", istio),
		loader("docker, containerd", dockerRefusal(m)),
		loader("oras pull", orasRefusal(m)),
		loader("wkg", wkgRefusal(m)),
	}
}

func loader(name, refusal string) Loader {
	return Loader{Name: name, Loads: refusal == "", Why: refusal}
}

// istioRefusal follows Istio's agent, whose rules Envoy Gateway shares.
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

// orasRefusal is about what oras writes: it skips untitled layers in silence.
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
