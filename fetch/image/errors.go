package image

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
)

const (
	// maxListed is how many layers, files or platforms a message names.
	maxListed = 16
	// maxQuoted is how many bytes a message repeats of a name in an image.
	maxQuoted = 128 + len("…")

	remedy = "push it with wasmc push, or put the module as plugin.wasm into the last layer"
)

// noModule names the layers of an image without a module.
func noModule(layers []v1.Descriptor) error {
	if len(layers) == 0 {
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "the image has no layers, and so no WebAssembly module: %s", remedy)
	}
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "no WebAssembly module in the image, whose layers are %s: %s", describeLayers(layers), remedy)
}

func severalLayers(layers []v1.Descriptor) error {
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage,
		"several WebAssembly layers in the image, %s: push one module per image, or title the one that is meant plugin.wasm", describeLayers(layers))
}

func severalFiles(paths ...string) error {
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = quote(path)
	}
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage,
		"several WebAssembly modules, %s: keep one, or name the one that is meant plugin.wasm and put it first", list(quoted))
}

func describeLayers(layers []v1.Descriptor) string {
	described := make([]string, len(layers))
	for i, layer := range layers {
		described[i] = quote(string(layer.MediaType))
		if title := layer.Annotations[titleAnnotation]; title != "" {
			described[i] += " titled " + quote(title)
		}
	}
	return list(described)
}

func list(items []string) string {
	if len(items) <= maxListed {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:maxListed], ", "), len(items)-maxListed)
}

// quote makes a name that was chosen elsewhere fit for a message.
func quote(name string) string { return fmt.Sprintf("%q", text.Truncate(name, maxQuoted)) }
