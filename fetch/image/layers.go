// SPDX-License-Identifier: Apache-2.0

package image

import (
	"cmp"
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/failure"
)

// ArchiveOverhead is how many bytes larger than its module a layer or file may be, in case it is an archive.
const ArchiveOverhead = 1 << 20

// Open streams the module's bytes out of img, whatever its shape, capped at max bytes. It opens only the layer that
// holds the module, and those above it. ctx bounds the reading too.
//
// Errors are terminal *failure.Error (UnsupportedImage, which names the layers, TooLarge or DigestMismatch), or those
// of the registry, wrapped and not classified. The caller closes the stream.
func Open(ctx context.Context, img v1.Image, max int64) (*Stream, error) {
	layers, err := imageLayers(img)
	if err != nil {
		return nil, err
	}
	s := &search{ctx: ctx, img: img, budget: newBudget(max), whiteouts: newWhiteouts()}
	declared, err := declaredModule(layers)
	if err != nil {
		return nil, err
	}
	if declared != nil {
		return s.declared(*declared)
	}
	return s.layers(layers)
}

// search looks for the module in the layers of one image.
type search struct {
	ctx       context.Context
	img       v1.Image
	budget    *budget
	whiteouts *whiteouts
}

// declared opens the module in a layer of a WebAssembly media type. module.Inspect checks what is not an archive.
func (s *search) declared(layer v1.Descriptor) (*Stream, error) {
	if layer.Size-ArchiveOverhead > s.budget.max {
		return nil, module.TooLarge(s.budget.max)
	}
	stream, err := s.layer(layer, true)
	if err == nil && stream == nil {
		return nil, noModule([]v1.Descriptor{layer})
	}
	return stream, err
}

// layers searches from the last layer to the first. The first that holds a module decides.
func (s *search) layers(layers []v1.Descriptor) (*Stream, error) {
	for i := len(layers) - 1; i >= 0; i-- {
		if stream, err := s.layer(layers[i], false); stream != nil || err != nil {
			return stream, err
		}
		s.whiteouts.nextLayer()
	}
	return nil, noModule(layers)
}

// layer opens the module in a layer; nil if it holds none.
func (s *search) layer(layer v1.Descriptor, declared bool) (*Stream, error) {
	c, err := s.open(layer)
	if err != nil {
		return nil, err
	}
	var stream *Stream
	switch {
	case c.format == formatTar:
		stream, err = s.archive(layer, c)
	case c.format == formatWasm || declared:
		stream = bareModule(c)
	}
	if stream == nil || stream.content != c {
		_ = c.Close()
	}
	if stream != nil {
		stream.Layer = layer
	}
	return stream, err
}

// open opens a layer as it was pushed.
func (s *search) open(layer v1.Descriptor) (*content, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, fmt.Errorf("open layer %s: %w", layer.Digest, err)
	}
	if layer.Size > s.budget.read {
		return nil, s.budget.searchExceeded()
	}
	found, err := s.img.LayerByDigest(layer.Digest)
	if err != nil {
		return nil, fmt.Errorf("open layer %s: %w", layer.Digest, err)
	}
	rc, err := found.Compressed()
	if err != nil {
		return nil, fmt.Errorf("open layer %s: %w", layer.Digest, err)
	}
	return decode(&blob{ReadCloser: rc, ctx: s.ctx, what: "layer " + layer.Digest.String()}, s.budget)
}

// archive streams plugin.wasm as soon as it is found. Any other *.wasm file is known to be the only one at the end of
// the archive, and is read in a second pass. One that is not regular counts only if there is no other.
func (s *search) archive(layer v1.Descriptor, c *content) (*Stream, error) {
	a := newArchive(c, s.whiteouts)
	var others []string
	var refused error
	file, err := a.find(func(f wasmFile) bool {
		switch {
		case f.preferred():
			return true
		case f.refused != nil:
			refused = cmp.Or(refused, f.refused)
		case len(others) < maxListed:
			others = append(others, f.path)
		}
		return false
	})
	switch {
	case err != nil:
		return nil, err
	case file == nil:
		return s.onlyFile(layer, c, others, refused)
	case file.refused != nil:
		return nil, file.refused
	}
	return archivedModule(a, file, wasmFile.preferred)
}

// onlyFile streams the only file that the first pass over a layer found.
func (s *search) onlyFile(layer v1.Descriptor, c *content, found []string, refused error) (*Stream, error) {
	if err := c.drain(); err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, refused
	case 1:
		return s.reopen(layer, found[0])
	}
	return nil, severalFiles(found...)
}

// reopen streams the file of that path in a second pass over a layer, whose whiteouts are known from the first.
func (s *search) reopen(layer v1.Descriptor, path string) (*Stream, error) {
	c, err := s.open(layer)
	if err != nil {
		return nil, err
	}
	stream, err := fileOf(newArchive(c, s.whiteouts), path)
	if err != nil {
		_ = c.Close()
	}
	return stream, err
}

// fileOf streams the file of that path, which is the only one.
func fileOf(a *archive, path string) (*Stream, error) {
	file, err := a.find(func(f wasmFile) bool { return f.path == path && f.refused == nil })
	if err != nil {
		return nil, err
	}
	if file == nil {
		return nil, failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s is gone from %s", quote(path), a.content.blob.what)
	}
	return archivedModule(a, file, func(wasmFile) bool { return false })
}
