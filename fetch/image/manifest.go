// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxLayers is how many layers an image may have.
	maxLayers = 128
	// preferredName is the file that every reader of Wasm images looks for.
	preferredName   = "plugin.wasm"
	titleAnnotation = "org.opencontainers.image.title"
)

// FromDescriptor returns the image that holds the module: the one that was found, or one of an index. The type that a
// manifest declares takes precedence over the registry's header, which the digest does not cover.
//
// Errors are those of Select.
func FromDescriptor(found *remote.Descriptor) (v1.Image, error) {
	if declared := declaredType(found.Manifest); declared != "" {
		found.MediaType = declared
	}
	if !found.MediaType.IsIndex() {
		return found.Image()
	}
	index, err := found.ImageIndex()
	if err != nil {
		return nil, err
	}
	return Select(index)
}

// declaredType is the media type that a manifest declares, or that its fields imply; "" when neither.
func declaredType(manifest []byte) types.MediaType {
	var m struct {
		MediaType types.MediaType   `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
	}
	if json.Unmarshal(manifest, &m) != nil {
		return ""
	}
	if m.MediaType == "" && len(m.Manifests) > 0 {
		return types.OCIImageIndex
	}
	return m.MediaType
}

// decodeManifest reads and decodes a manifest or an index. A Verifier has bounded its size and the number of its
// values.
func decodeManifest[M any](what string, read func() ([]byte, error), decode func(io.Reader) (*M, error)) (*M, error) {
	raw, err := read()
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	manifest, err := decode(bytes.NewReader(raw))
	if err != nil {
		return nil, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "parse the %s: %w", what, err)
	}
	return manifest, nil
}

// imageLayers returns the layers that the manifest itself lists. The registry client finds layers by their digest, so
// it confuses the media types of two layers that share a blob.
func imageLayers(img v1.Image) ([]v1.Descriptor, error) {
	manifest, err := decodeManifest("image's manifest", img.RawManifest, v1.ParseManifest)
	if err != nil {
		return nil, err
	}
	if n := len(manifest.Layers); n > maxLayers {
		return nil, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "the image has %d layers, more than %d: %s", n, maxLayers, remedy)
	}
	return manifest.Layers, nil
}

// declaredModule finds the layer of a WebAssembly media type, among several the one titled plugin.wasm, nil if none.
func declaredModule(layers []v1.Descriptor) (*v1.Descriptor, error) {
	var declared, titled []v1.Descriptor
	seen := map[v1.Hash]bool{}
	for _, layer := range layers {
		if !isWasmType(layer.MediaType) || seen[layer.Digest] {
			continue
		}
		seen[layer.Digest] = true
		declared = append(declared, layer)
		if layer.Annotations[titleAnnotation] == preferredName {
			titled = append(titled, layer)
		}
	}
	switch {
	case len(declared) == 0:
		return nil, nil
	case len(declared) == 1:
		return &declared[0], nil
	case len(titled) == 1:
		return &titled[0], nil
	}
	return nil, unsupported("several WebAssembly layers in the image, %s: push one module per image, or title the one that is meant plugin.wasm", list(declared, describeLayer))
}

// isWasmType recognises application/wasm and every vendor's media type of a layer that is a bare module.
func isWasmType(t types.MediaType) bool {
	base, _, _ := strings.Cut(string(t), ";")
	base = strings.ToLower(strings.TrimSpace(base))
	return base == "application/wasm" || strings.HasSuffix(base, "+wasm")
}

const (
	// maxIndexDepth is how deep indexes may be nested.
	maxIndexDepth = 3
	// maxChildren is how many manifests an index may list.
	maxChildren = 256
	// attestationAnnotation marks the attestation that buildx puts beside an image.
	attestationAnnotation = "vnd.docker.reference.type"
)

// Select chooses the image of an index that holds the module: the one for the architecture wasm, else for linux/amd64,
// else without a platform, else the only one. Attestations do not count. The platform of this process does not matter:
// a module is the same on all of them.
//
// Errors are terminal *failure.Error (UnsupportedImage), or those of the registry, wrapped and not classified.
func Select(idx v1.ImageIndex) (v1.Image, error) {
	for range maxIndexDepth {
		child, err := selectChild(idx)
		if err != nil {
			return nil, err
		}
		if child.MediaType.IsIndex() {
			if idx, err = idx.ImageIndex(child.Digest); err != nil {
				return nil, fmt.Errorf("read the nested index %s: %w", child.Digest, err)
			}
			continue
		}
		img, err := idx.Image(child.Digest)
		if err != nil {
			return nil, fmt.Errorf("read the index's image %s: %w", child.Digest, err)
		}
		return img, nil
	}
	return nil, unsupported("image indexes are nested more than %d deep", maxIndexDepth)
}

func selectChild(idx v1.ImageIndex) (v1.Descriptor, error) {
	children, err := readChildren(idx)
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, wanted := range []func(*v1.Platform) bool{isWasm, isLinuxAMD64, isAbsent} {
		for _, child := range children {
			if wanted(child.Platform) {
				return child, nil
			}
		}
	}
	if len(children) == 1 {
		return children[0], nil
	}
	return v1.Descriptor{}, noChild(children)
}

// readChildren returns the manifests of an index that may hold a module.
func readChildren(idx v1.ImageIndex) ([]v1.Descriptor, error) {
	index, err := decodeManifest("image index", idx.RawManifest, v1.ParseIndexManifest)
	if err != nil {
		return nil, err
	}
	if n := len(index.Manifests); n > maxChildren {
		return nil, unsupported("the image index has %d children, more than %d", n, maxChildren)
	}
	var children []v1.Descriptor
	for _, child := range index.Manifests {
		if (child.MediaType.IsImage() || child.MediaType.IsIndex()) && !isAttestation(child) {
			children = append(children, child)
		}
	}
	return children, nil
}

func isAttestation(child v1.Descriptor) bool {
	if child.Annotations[attestationAnnotation] != "" {
		return true
	}
	return child.Platform != nil && child.Platform.OS == "unknown" && child.Platform.Architecture == "unknown"
}

// isWasm excludes wasip2, which stands for a component: no Envoy runs one.
func isWasm(p *v1.Platform) bool {
	return p != nil && p.Architecture == "wasm" && p.OS != "wasip2"
}

func isLinuxAMD64(p *v1.Platform) bool {
	return p != nil && p.OS == "linux" && p.Architecture == "amd64"
}

func isAbsent(p *v1.Platform) bool {
	return p == nil || p.OS == "" && p.Architecture == ""
}

func noChild(children []v1.Descriptor) error {
	if len(children) == 0 {
		return unsupported("the image index has no images")
	}
	platform := func(child v1.Descriptor) string { return quote(child.Platform.String()) }
	return unsupported("the image index has neither a wasm nor a linux/amd64 image, only %s: push the module with wasmc push, or build it for linux/amd64", list(children, platform))
}
