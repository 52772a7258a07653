package image

import (
	"cmp"
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// archiveOverhead is how many bytes larger than its module a layer may be and
// still be opened, should it turn out to be an archive.
const archiveOverhead = 1 << 20

// search looks for the module in the layers of one image.
type search struct {
	ctx     context.Context
	img     v1.Image
	budget  *budget
	removed *whiteouts
}

// declared opens the layer whose media type says WebAssembly. What is not an
// archive is taken at its word: the inspection looks at the bytes.
func (s *search) declared(layer v1.Descriptor) (*Stream, error) {
	if layer.Size-archiveOverhead > s.budget.max {
		return nil, s.budget.moduleExceeded()
	}
	stream, err := s.layer(layer, true)
	if err == nil && stream == nil {
		return nil, noModule([]v1.Descriptor{layer})
	}
	return stream, err
}

// layers searches from the last layer to the first: the first of them that holds
// a module decides.
func (s *search) layers(layers []v1.Descriptor) (*Stream, error) {
	for i := len(layers) - 1; i >= 0; i-- {
		if stream, err := s.layer(layers[i], false); stream != nil || err != nil {
			return stream, err
		}
		s.removed.nextLayer()
	}
	return nil, noModule(layers)
}

// layer opens the module in a layer; nil when it holds none.
func (s *search) layer(layer v1.Descriptor, declared bool) (*Stream, error) {
	stream, err := s.visit(layer, func(c *content, close func() error) (*Stream, error) {
		switch {
		case c.kind == kindTar:
			return s.archive(layer, c, close)
		case c.kind == kindWasm || declared:
			return bare(c, close), nil
		default:
			return nil, nil
		}
	})
	if stream != nil {
		stream.Layer = layer
	}
	return stream, err
}

// visit opens a layer for visitor, and closes it unless a stream took it over.
func (s *search) visit(layer v1.Descriptor, visitor func(*content, func() error) (*Stream, error)) (*Stream, error) {
	blob, err := s.open(layer)
	if err != nil {
		return nil, err
	}
	o := &origin{ctx: s.ctx, r: blob, what: "layer " + layer.Digest.String()}
	c, err := decode(o, s.budget)
	if err != nil {
		blob.Close()
		return nil, err
	}
	stream, err := visitor(c, blob.Close)
	if stream == nil {
		c.close()
		blob.Close()
	}
	return stream, err
}

// open reads the blob as it was pushed. The registry client finds it by its
// digest, so it does not matter which of two equal layers is meant.
func (s *search) open(layer v1.Descriptor) (io.ReadCloser, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, fmt.Errorf("open layer %s: %w", layer.Digest, err)
	}
	if layer.Size > s.budget.read {
		return nil, s.budget.searchExceeded()
	}
	blob, err := s.img.LayerByDigest(layer.Digest)
	if err != nil {
		return nil, fmt.Errorf("open layer %s: %w", layer.Digest, err)
	}
	rc, err := blob.Compressed()
	if err != nil {
		return nil, fmt.Errorf("open layer %s: %w", layer.Digest, err)
	}
	return rc, nil
}

// archive streams plugin.wasm as soon as it is met. Any other *.wasm file is
// known to be the only one only at the end, and is read in a second pass.
func (s *search) archive(layer v1.Descriptor, c *content, close func() error) (*Stream, error) {
	a := newArchive(c, s.removed)
	var found []string
	var refused error
	for {
		file, err := a.next()
		switch {
		case err == io.EOF:
			return s.only(layer, c, found, refused)
		case err != nil:
			return nil, c.explain(err)
		case file.preferred() && file.refused != nil:
			return nil, file.refused
		case file.preferred():
			return entry(c, a, file, preferredFile, close)
		case file.refused != nil:
			refused = cmp.Or(refused, file.refused)
		case len(found) < maxListed:
			found = append(found, file.path)
		}
	}
}

// only opens the single file that a first pass found. A refusal matters when
// nothing else was found.
func (s *search) only(layer v1.Descriptor, c *content, found []string, refused error) (*Stream, error) {
	if err := c.drain(); err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, refused
	case 1:
		return s.reopen(layer, found[0])
	default:
		return nil, ambiguous(found)
	}
}

// reopen streams the file of that path in a second pass over a layer. The layer's
// whiteouts are known from the first.
func (s *search) reopen(layer v1.Descriptor, path string) (*Stream, error) {
	return s.visit(layer, func(c *content, close func() error) (*Stream, error) {
		a := newArchive(c, s.removed)
		for {
			file, err := a.next()
			switch {
			case err == io.EOF:
				return nil, failure.Terminalf(v1alpha1.ReasonDigestMismatch, "%s is gone from layer %s", quote(path), layer.Digest)
			case err != nil:
				return nil, c.explain(err)
			case file.path == path && file.refused == nil:
				return entry(c, a, file, noFile, close)
			}
		}
	})
}
