package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// Module streams the module's bytes out of img, whatever its shape, capped at max
// bytes. See [Open], which it is short for.
func Module(ctx context.Context, img v1.Image, max int64) (io.ReadCloser, error) {
	stream, err := Open(ctx, img, max)
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// Open streams the module's bytes out of img, whatever its shape, capped at max
// bytes. It looks only at the layer that holds the module, and at the start of
// those behind it; a layer whose *.wasm file is not named plugin.wasm is read
// twice. ctx bounds the reading too.
//
// Errors are terminal *failure.Error (UnsupportedImage, which names the layers,
// TooLarge or DigestMismatch), or those of the registry, wrapped and not
// classified. The caller closes the stream.
func Open(ctx context.Context, img v1.Image, max int64) (*Stream, error) {
	manifest, err := readManifest(img)
	if err != nil {
		return nil, err
	}
	s := &search{ctx: ctx, img: img, budget: newBudget(max), removed: newWhiteouts()}
	declared, err := declaredModule(manifest.Layers)
	if err != nil {
		return nil, err
	}
	if declared != nil {
		return s.declared(*declared)
	}
	return s.layers(manifest.Layers)
}

// readManifest parses the manifest itself: the media types of layers that share a
// blob are to be had from nowhere else.
func readManifest(img v1.Image) (*v1.Manifest, error) {
	raw, err := img.RawManifest()
	if err != nil {
		return nil, fmt.Errorf("read the image's manifest: %w", err)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "parse the image's manifest: %w", err)
	}
	if n := len(manifest.Layers); n > maxLayers {
		return nil, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "the image has %d layers, more than %d: %s", n, maxLayers, remedy)
	}
	return manifest, nil
}

// declaredModule finds the layer whose media type says WebAssembly; nil when
// there is none. Among several, the one titled plugin.wasm is it.
func declaredModule(layers []v1.Descriptor) (*v1.Descriptor, error) {
	var found []v1.Descriptor
	seen := map[v1.Hash]bool{}
	for _, layer := range layers {
		if isWasmType(layer.MediaType) && !seen[layer.Digest] {
			seen[layer.Digest] = true
			found = append(found, layer)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	if len(found) == 1 {
		return &found[0], nil
	}
	return titledModule(found)
}

func titledModule(layers []v1.Descriptor) (*v1.Descriptor, error) {
	var titled *v1.Descriptor
	for i := range layers {
		if layers[i].Annotations[titleAnnotation] != preferredName {
			continue
		}
		if titled != nil {
			return nil, severalLayers(layers)
		}
		titled = &layers[i]
	}
	if titled == nil {
		return nil, severalLayers(layers)
	}
	return titled, nil
}

// isWasmType recognises application/wasm and every vendor's type of a layer that
// is a bare module.
func isWasmType(t types.MediaType) bool {
	base, _, _ := strings.Cut(string(t), ";")
	base = strings.ToLower(strings.TrimSpace(base))
	return base == "application/wasm" || strings.HasSuffix(base, "+wasm")
}
