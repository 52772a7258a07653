// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
)

// maxModule is the largest module, in bytes, that wasmc handles at all; Envoy loads none above module.MaxSize.
const maxModule = 256 << 20

// artifact is an image in a registry. The descriptor is that of what was named: the image, or the index that holds it.
type artifact struct {
	descriptor v1.Descriptor
	reference  string // by digest
	image      v1.Image
	manifest   *v1.Manifest
}

// artifact gets what an image reference names.
func (o *registryOptions) artifact(ctx context.Context, s streams, target string) (*artifact, error) {
	ref, err := parseReference(target)
	if err != nil {
		return nil, err
	}
	options, err := o.remote(ref.Context().Registry, s.In)
	if err != nil {
		return nil, err
	}
	return getArtifact(ref, append(options, remote.WithContext(ctx)))
}

func getArtifact(ref name.Reference, options []remote.Option) (*artifact, error) {
	found, err := remote.Get(ref, options...)
	if err != nil {
		return nil, withoutOtherScheme(err)
	}
	img, err := image.FromDescriptor(found)
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

// loadModule reads a module from a file, which may be packed, or an image. It is none that is larger than Envoy loads.
func (o *registryOptions) loadModule(ctx context.Context, s streams, target string) ([]byte, error) {
	isImage, err := namesImage(target)
	if err != nil {
		return nil, err
	}
	if isImage {
		content, _, err := o.openImage(ctx, s, target)
		return readModule(content, err)
	}
	in, err := openInput(target, s.In)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return readModule(image.Unpack(in, module.MaxSize))
}

// readModule reads what was opened, and closes it.
func readModule(content io.ReadCloser, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

// localModule is a module that has been copied to this machine.
type localModule struct {
	size        int64
	sha256      string
	description module.Description // zero when it is no module
	refusal     error              // why Envoy cannot load it; nil when it can
	schema      *foundSchema       // of its configuration; nil when it carries none
}

// copyModule copies a module into f. It shows the progress if w is a terminal.
func copyModule(f *os.File, content io.Reader, w io.Writer) (*localModule, error) {
	p, hash := newProgress(w, "Pulling"), sha256.New()
	defer p.clear()
	size, err := io.Copy(io.MultiWriter(f, hash, p), content)
	if err != nil {
		return nil, err
	}
	m := &localModule{size: size, sha256: hex.EncodeToString(hash.Sum(nil))}
	description, err := module.Describe(f, size)
	if err != nil {
		m.refusal = err
		return m, nil
	}
	m.description, m.schema = *description, schemaAt(description.Schema, f)
	if size > module.MaxSize {
		m.refusal = module.TooLarge(module.MaxSize)
	} else {
		_, m.refusal = module.Inspect(f, size)
	}
	return m, nil
}

// inspectModule is copyModule into a file that is removed.
func inspectModule(content io.Reader, w io.Writer) (*localModule, error) {
	f, err := tempFile()
	if err != nil {
		return nil, err
	}
	defer discard(f)
	return copyModule(f, content, w)
}

// save copies the module of the image into f.
func (a *artifact) save(ctx context.Context, s streams, f *os.File) (*localModule, error) {
	stream, err := image.Open(ctx, a.image, maxModule)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	return copyModule(f, stream, s.Err)
}

// replaceFile writes beside path, or what it links to, and then renames: path never holds half a module.
func replaceFile(path string, write func(*os.File) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".wasmc-*")
	if err != nil {
		return err
	}
	defer discard(f) // does nothing once it is renamed
	if err := write(f); err != nil {
		return err
	}
	if err := rename(f, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func rename(f *os.File, path string) error {
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// openInput opens a file, or standard input for "-".
func openInput(path string, stdin io.Reader) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(stdin), nil
	}
	return os.Open(path)
}

func tempFile() (*os.File, error) { return os.CreateTemp("", "wasmc-*.wasm") }

// discard removes a temporary file.
func discard(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}
