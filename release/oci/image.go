// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/autowasm/autowasm/release/archive"
	"github.com/autowasm/autowasm/release/attest"
	"github.com/autowasm/autowasm/release/program"
)

// user is nobody in particular, as in other images without a shell; the Deployment has the same.
const user = "65532:65532"

// image returns the image of one binary. The certificate authorities that it trusts are compiled into it.
func image(b *program.Binary, from attest.Source, license []byte) (v1.Image, error) {
	layer, err := layerOf(b, from.Commit.Time, license)
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: from.Commit.Time}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	base, err = mutate.ConfigFile(base, &v1.ConfigFile{
		OS: b.Platform.OS, Architecture: b.Platform.Arch, Created: created, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{User: user, Entrypoint: []string{"/" + b.Program.Name}, Labels: annotations(b.Program, b.Version, from)},
	})
	if err != nil {
		return nil, fmt.Errorf("configure the image of %s for %s: %w", b.Program.Name, b.Platform, err)
	}
	img, err := mutate.Append(base, mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "make image"}})
	if err != nil {
		return nil, fmt.Errorf("make the image of %s for %s: %w", b.Program.Name, b.Platform, err)
	}
	return mutate.Annotations(img, annotations(b.Program, b.Version, from)).(v1.Image), nil
}

// annotations are OCI's, of the image and the index, and the labels of the configuration, which docker shows.
func annotations(p program.Program, version string, from attest.Source) map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":       p.Name,
		prefix + "description": p.Description,
		prefix + "version":     version,
		prefix + "revision":    from.Commit.String(),
		prefix + "created":     from.Commit.Time.Format(time.RFC3339),
		prefix + "source":      from.URL,
		prefix + "licenses":    "Apache-2.0",
	}
}

func layerOf(b *program.Binary, created time.Time, license []byte) (v1.Layer, error) {
	files := []archive.File{{Name: "LICENSE", Mode: 0o444, Content: license}, {Name: b.Program.Name, Mode: 0o555, Content: b.Content}}
	if b.Program.TempDir {
		files = append(files, archive.File{Name: "tmp/", Mode: 0o1777})
	}
	content, err := archive.Tar(files, created)
	if err != nil {
		return nil, fmt.Errorf("make the layer of %s for %s: %w", b.Program.Name, b.Platform, err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.DefaultCompression), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("compress the layer of %s for %s: %w", b.Program.Name, b.Platform, err)
	}
	return layer, nil
}
