package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
)

// artifact is an image in a registry. The descriptor is that of what the
// reference names: the image, or an index of which it is a child.
type artifact struct {
	descriptor v1.Descriptor
	reference  string // by digest
	image      v1.Image
	manifest   *v1.Manifest
}

func (c *registryClient) artifact(ctx context.Context, ref name.Reference) (*artifact, error) {
	found, err := remote.Get(ref, c.options(ctx)...)
	if err != nil {
		return nil, attempted(err)
	}
	img, err := imageOf(found)
	if err != nil {
		return nil, err
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	return &artifact{
		descriptor: found.Descriptor,
		reference:  ref.Context().Digest(found.Digest.String()).String(),
		image:      img,
		manifest:   manifest,
	}, nil
}

func imageOf(d *remote.Descriptor) (v1.Image, error) {
	if !d.MediaType.IsIndex() {
		return d.Image()
	}
	idx, err := d.ImageIndex()
	if err != nil {
		return nil, err
	}
	return image.Select(idx)
}

// localModule is a module in a file of this machine.
type localModule struct {
	*os.File
	size        int64
	sha256      string
	description *module.Description // nil when it is no module
	refusal     error               // why Envoy cannot load it; nil when it can
}

// save streams the module into f, which the caller opened and closes.
func (a *artifact) save(ctx context.Context, s streams, f *os.File) (*localModule, *image.Stream, error) {
	stream, err := image.Open(ctx, a.image, maxModule)
	if err != nil {
		return nil, nil, err
	}
	defer stream.Close()
	progress := newPullProgress(s.Err, stream)
	defer progress.stop()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), progress); err != nil {
		return nil, nil, err
	}
	saved, err := describe(f, hex.EncodeToString(hash.Sum(nil)))
	return saved, stream, err
}

// describe looks into a file whose hash is known.
func describe(f *os.File, sum string) (*localModule, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	m := &localModule{File: f, size: info.Size(), sha256: sum}
	if m.description, m.refusal = module.Describe(f, m.size); m.refusal != nil {
		m.description = nil
		return m, nil
	}
	if m.size > module.MaxSize {
		m.refusal = module.TooLarge(module.MaxSize)
		return m, nil
	}
	_, m.refusal = module.Inspect(f, m.size)
	return m, nil
}

// abi is empty where the module tells none.
func (m *localModule) abi() string {
	if m.description == nil {
		return ""
	}
	return m.description.ABI
}
