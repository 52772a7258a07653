// SPDX-License-Identifier: Apache-2.0

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

func noModule(layers []v1.Descriptor) error {
	if len(layers) == 0 {
		return unsupported("the image has no layers, and so no WebAssembly module: %s", remedy)
	}
	return unsupported("no WebAssembly module in the image, whose layers are %s: %s", list(layers, describeLayer), remedy)
}

func severalFiles(paths ...string) error {
	return unsupported("several WebAssembly modules, %s: keep one, or name the one that is meant plugin.wasm and put it first", list(paths, quote))
}

func unsupported(format string, args ...any) error {
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, format, args...)
}

func describeLayer(layer v1.Descriptor) string {
	described := quote(string(layer.MediaType))
	if title := layer.Annotations[titleAnnotation]; title != "" {
		described += " titled " + quote(title)
	}
	return described
}

// list joins what describe says of the first items.
func list[T any](items []T, describe func(T) string) string {
	var described []string
	for _, item := range items[:min(len(items), maxListed)] {
		described = append(described, describe(item))
	}
	joined := strings.Join(described, ", ")
	if more := len(items) - maxListed; more > 0 {
		joined += fmt.Sprintf(" and %d more", more)
	}
	return joined
}

// quote makes a name that was chosen elsewhere fit for a message.
func quote(name string) string { return fmt.Sprintf("%q", text.Truncate(name, maxQuoted)) }
