package image

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	titleAnnotation = "org.opencontainers.image.title"
	// maxListed is how many layers, files or platforms a message names.
	maxListed = 16
	// maxQuoted is how many bytes of a name of an image a message repeats.
	maxQuoted = 128

	remedy = "push it with wasmc push, or put the module as plugin.wasm into the last layer"
)

// noModule says what an image without a module has instead.
func noModule(layers []v1.Descriptor) error {
	if len(layers) == 0 {
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "the image has no layers, and so no WebAssembly module: %s", remedy)
	}
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "no WebAssembly module in the image, whose layers are %s: %s", list(describe(layers)), remedy)
}

func severalLayers(layers []v1.Descriptor) error {
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage,
		"several WebAssembly layers in the image, %s: push one module per image, or title the one that is meant plugin.wasm", list(describe(layers)))
}

func ambiguous(paths []string) error {
	quoted := make([]string, len(paths))
	for i, path := range paths {
		quoted[i] = quote(path)
	}
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage,
		"several WebAssembly modules, %s: keep one, or name the one that is meant plugin.wasm and put it first", list(quoted))
}

func describe(layers []v1.Descriptor) []string {
	described := make([]string, len(layers))
	for i, layer := range layers {
		described[i] = quote(string(layer.MediaType))
		if title := layer.Annotations[titleAnnotation]; title != "" {
			described[i] += " titled " + quote(title)
		}
	}
	return described
}

func list(items []string) string {
	if len(items) <= maxListed {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(items[:maxListed], ", "), len(items)-maxListed)
}

// quote makes a name that somebody else chose fit for a message.
func quote(name string) string {
	if len(name) > maxQuoted {
		name = name[:maxQuoted] + "…"
	}
	return fmt.Sprintf("%q", name)
}
