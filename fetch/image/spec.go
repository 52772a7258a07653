// SPDX-License-Identifier: Apache-2.0

package image

import (
	"context"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/configschema"
)

// specTypePrefix begins the media types of the layer in which Higress's images describe a plugin, YAML or JSON.
const specTypePrefix = "application/vnd.module.wasm.spec.v1+"

// Spec returns the spec.yaml of a plugin of Higress, nil if img has none. It opens no other layer, and reads at most
// configschema.MaxFileBytes.
//
// Errors are terminal *failure.Error (UnsupportedImage or DigestMismatch), or those of the registry, wrapped and not
// classified.
func Spec(ctx context.Context, img v1.Image) ([]byte, error) {
	layers, err := imageLayers(img)
	if err != nil {
		return nil, err
	}
	for _, layer := range layers {
		if strings.HasPrefix(string(layer.MediaType), specTypePrefix) {
			return readSpec(ctx, img, layer)
		}
	}
	return nil, nil
}

func readSpec(ctx context.Context, img v1.Image, layer v1.Descriptor) ([]byte, error) {
	what := "layer " + layer.Digest.String()
	found, err := img.LayerByDigest(layer.Digest)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	rc, err := found.Compressed()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	b := &blob{ReadCloser: rc, ctx: ctx, what: what}
	defer b.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(io.LimitReader(b, configschema.MaxFileBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > configschema.MaxFileBytes:
		return nil, unsupported("the description of the plugin, a layer of type %s, has more than %d bytes", quote(string(layer.MediaType)), configschema.MaxFileBytes)
	}
	return content, nil
}
