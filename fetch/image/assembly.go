package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// blob is content with its media type, and its title if it has one.
type blob struct {
	mediaType types.MediaType
	content   []byte
	title     string
}

func (b blob) descriptor() v1.Descriptor {
	hash, size, _ := v1.SHA256(bytes.NewReader(b.content)) // memory can be read
	d := v1.Descriptor{MediaType: b.mediaType, Digest: hash, Size: size}
	if b.title != "" {
		d.Annotations = map[string]string{titleAnnotation: b.title}
	}
	return d
}

// assembly is an OCI image put together byte for byte: the image builders of the
// registry client insist on a configuration that is an image's. It implements
// partial.CompressedImageCore.
type assembly struct {
	config   []byte
	layers   map[v1.Hash]assembledLayer
	manifest v1.Manifest
	raw      []byte
}

func newAssembly(config blob, annotations map[string]string) *assembly {
	return &assembly{
		config: config.content,
		layers: map[v1.Hash]assembledLayer{},
		manifest: v1.Manifest{
			SchemaVersion: 2,
			MediaType:     types.OCIManifestSchema1,
			Config:        config.descriptor(),
			Annotations:   annotations,
		},
	}
}

func (a *assembly) addLayer(b blob) {
	layer := assembledLayer{b.descriptor(), b.content}
	a.layers[layer.descriptor.Digest] = layer
	a.manifest.Layers = append(a.manifest.Layers, layer.descriptor)
}

// image encodes the manifest.
func (a *assembly) image() (v1.Image, error) {
	raw, err := json.Marshal(a.manifest)
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	a.raw = raw
	return partial.CompressedToImage(a)
}

// MediaType of the manifest.
func (a *assembly) MediaType() (types.MediaType, error) { return a.manifest.MediaType, nil }

// RawManifest returns the encoded manifest.
func (a *assembly) RawManifest() ([]byte, error) { return a.raw, nil }

// RawConfigFile returns the configuration, which need not be an image's.
func (a *assembly) RawConfigFile() ([]byte, error) { return a.config, nil }

// LayerByDigest returns one of the layers.
func (a *assembly) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := a.layers[h]
	if !ok {
		return nil, fmt.Errorf("the image has no layer %s", h)
	}
	return layer, nil
}

// assembledLayer implements partial.CompressedLayer.
type assembledLayer struct {
	descriptor v1.Descriptor
	content    []byte
}

// Digest of the layer's bytes.
func (l assembledLayer) Digest() (v1.Hash, error) { return l.descriptor.Digest, nil }

// Size of the layer in bytes.
func (l assembledLayer) Size() (int64, error) { return l.descriptor.Size, nil }

// MediaType of the layer.
func (l assembledLayer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }

// Compressed returns the layer's bytes as they are pushed.
func (l assembledLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.content)), nil
}
