// SPDX-License-Identifier: Apache-2.0

package image

import (
	"fmt"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A Config says how a container of an image is run.
type Config struct {
	Entrypoint []string
	Env        []string
	User       string // "" is root
}

// New makes an image for this machine's architecture out of layers, the lowest first.
func New(c Config, layers ...[]File) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(img, &v1.ConfigFile{
		Architecture: runtime.GOARCH, OS: "linux",
		Config: v1.Config{Entrypoint: c.Entrypoint, Env: c.Env, User: c.User},
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, fmt.Errorf("configure an image: %w", err)
	}
	return Append(img, layers...)
}

// Append adds layers to an image, the lowest first.
func Append(img v1.Image, layers ...[]File) (v1.Image, error) {
	for _, files := range layers {
		l, err := newLayer(files)
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			return nil, fmt.Errorf("add a layer to an image: %w", err)
		}
	}
	return img, nil
}
