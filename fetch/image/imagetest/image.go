// SPDX-License-Identifier: Apache-2.0

package imagetest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// titleAnnotation names the file that a layer holds.
const titleAnnotation = "org.opencontainers.image.title"

// Image is an image of any shape, right or wrong.
type Image struct {
	// MediaType of the manifest; an OCI image manifest's when empty.
	MediaType types.MediaType
	// OmitType leaves the media type out of the manifest itself.
	OmitType bool
	// ArtifactType of the manifest; none when empty.
	ArtifactType string
	// ConfigType is the media type of the config, as it is.
	ConfigType types.MediaType
	// Config is the content of the config; "{}" when empty.
	Config string
	// Annotations of the manifest.
	Annotations map[string]string
	// Layers in their order, the last one on top.
	Layers []Layer
	// Opened is filled with the layers whose blobs were opened, in order.
	Opened []v1.Hash
}

// Layer is a layer of an Image, byte for byte.
type Layer struct {
	MediaType types.MediaType
	// Content decides the digest, and the size unless Size is set.
	Content []byte
	// Title is the layer's file name, in an annotation; none when empty.
	Title string
	// Open, if set, returns what is read in place of Content. It is closed if it is an
	// io.Closer.
	Open func() io.Reader
	// Size is the number of bytes that the manifest declares; 0 for Content's.
	Size int64
}

// Build makes the image. What is read of it is noted in i.Opened.
func (i *Image) Build(t testing.TB) v1.Image {
	t.Helper()
	img, err := partial.CompressedToImage(newCore(i))
	if err != nil {
		t.Fatalf("build a test image: %v", err)
	}
	return img
}

// Digest is the sha256 of content as a registry writes it.
func Digest(content []byte) v1.Hash {
	h, _, err := v1.SHA256(bytes.NewReader(content))
	must(err)
	return h
}

// core is what the registry client needs to know of an Image.
type core struct {
	image   *Image
	opened  *sync.Mutex // guards image.Opened
	digests []v1.Hash   // of the layers; a large one is hashed once
}

func newCore(i *Image) core {
	c := core{image: i, opened: &sync.Mutex{}}
	for _, l := range i.Layers {
		c.digests = append(c.digests, Digest(l.Content))
	}
	return c
}

// MediaType is the manifest's.
func (c core) MediaType() (types.MediaType, error) {
	return cmp.Or(c.image.MediaType, types.OCIManifestSchema1), nil
}

// RawConfigFile is the config.
func (c core) RawConfigFile() ([]byte, error) { return []byte(cmp.Or(c.image.Config, "{}")), nil }

// RawManifest writes the manifest.
func (c core) RawManifest() ([]byte, error) {
	config, err := c.RawConfigFile()
	if err != nil {
		return nil, err
	}
	m := v1.Manifest{
		SchemaVersion: 2,
		ArtifactType:  c.image.ArtifactType,
		Config:        v1.Descriptor{MediaType: c.image.ConfigType, Digest: Digest(config), Size: int64(len(config))},
		Annotations:   c.image.Annotations,
	}
	if !c.image.OmitType {
		m.MediaType, _ = c.MediaType()
	}
	for n, l := range c.image.Layers {
		m.Layers = append(m.Layers, l.descriptor(c.digests[n]))
	}
	return json.Marshal(m)
}

// LayerByDigest finds the first layer with that content.
func (c core) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	n := slices.Index(c.digests, h)
	if n < 0 {
		return nil, fmt.Errorf("no layer %s", h)
	}
	return blob{c.image.Layers[n], h, c}, nil
}

func (l Layer) descriptor(digest v1.Hash) v1.Descriptor {
	d := v1.Descriptor{MediaType: l.MediaType, Digest: digest, Size: cmp.Or(l.Size, int64(len(l.Content)))}
	if l.Title != "" {
		d.Annotations = map[string]string{titleAnnotation: l.Title}
	}
	return d
}

// blob is what the registry client needs to know of a Layer.
type blob struct {
	layer  Layer
	digest v1.Hash
	core   core
}

// Digest is that of the layer's content.
func (b blob) Digest() (v1.Hash, error) { return b.digest, nil }

// Size is that of the layer's content, whatever the manifest declares.
func (b blob) Size() (int64, error) { return int64(len(b.layer.Content)), nil }

// MediaType is the layer's.
func (b blob) MediaType() (types.MediaType, error) { return b.layer.MediaType, nil }

// Compressed opens the layer as it is in the registry.
func (b blob) Compressed() (io.ReadCloser, error) {
	b.core.opened.Lock()
	b.core.image.Opened = append(b.core.image.Opened, b.digest)
	b.core.opened.Unlock()
	if b.layer.Open == nil {
		return io.NopCloser(bytes.NewReader(b.layer.Content)), nil
	}
	r := b.layer.Open()
	if rc, ok := r.(io.ReadCloser); ok {
		return rc, nil
	}
	return io.NopCloser(r), nil
}
