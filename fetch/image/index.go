package image

import (
	"bytes"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxIndexDepth is how deep indexes may be nested.
	maxIndexDepth = 3
	// maxChildren is how many children an index may have.
	maxChildren = 256
	// attestationAnnotation marks what buildx puts beside each image.
	attestationAnnotation = "vnd.docker.reference.type"
)

// Select chooses the child of an index that holds the module: the one for the
// architecture wasm, else for linux/amd64, else without a platform, else the only
// one. Attestations do not count. The machine that runs this does not matter: a
// module is the same on all of them.
//
// Errors are terminal *failure.Error (UnsupportedImage, which names the
// platforms), or those of the registry, wrapped and not classified.
func Select(idx v1.ImageIndex) (v1.Image, error) {
	for range maxIndexDepth {
		child, err := choose(idx)
		if err != nil {
			return nil, err
		}
		if !child.MediaType.IsIndex() {
			return imageChild(idx, child)
		}
		if idx, err = idx.ImageIndex(child.Digest); err != nil {
			return nil, fmt.Errorf("read the nested index %s: %w", child.Digest, err)
		}
	}
	return nil, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "image indexes are nested more than %d deep", maxIndexDepth)
}

func imageChild(idx v1.ImageIndex, child v1.Descriptor) (v1.Image, error) {
	img, err := idx.Image(child.Digest)
	if err != nil {
		return nil, fmt.Errorf("read the index's image %s: %w", child.Digest, err)
	}
	return img, nil
}

func choose(idx v1.ImageIndex) (v1.Descriptor, error) {
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

// readChildren returns the children of an index that may hold a module.
func readChildren(idx v1.ImageIndex) ([]v1.Descriptor, error) {
	raw, err := idx.RawManifest()
	if err != nil {
		return nil, fmt.Errorf("read the image index: %w", err)
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "parse the image index: %w", err)
	}
	if n := len(manifest.Manifests); n > maxChildren {
		return nil, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "the image index has %d children, more than %d", n, maxChildren)
	}
	var children []v1.Descriptor
	for _, child := range manifest.Manifests {
		if isManifest(child.MediaType) && !isAttestation(child) {
			children = append(children, child)
		}
	}
	return children, nil
}

func isManifest(t types.MediaType) bool { return t.IsImage() || t.IsIndex() }

func isAttestation(child v1.Descriptor) bool {
	if child.Annotations[attestationAnnotation] != "" {
		return true
	}
	return child.Platform != nil && child.Platform.OS == "unknown" && child.Platform.Architecture == "unknown"
}

// isWasm leaves out wasip2, which stands for a component: no Envoy runs one.
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
		return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "the image index has no images")
	}
	platforms := make([]string, len(children))
	for i, child := range children {
		platforms[i] = quote(child.Platform.String())
	}
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage,
		"the image index has neither a wasm nor a linux/amd64 image, only %s: push the module with wasmc push, or build it for linux/amd64", list(platforms))
}
