// SPDX-License-Identifier: Apache-2.0

package image

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A layer is a list of files as a v1.Layer. Compressing it would take longer than all that is done with it.
type layer struct {
	files []File
	hash  v1.Hash
	size  int64
}

// newLayer reads the files once for their digest.
func newLayer(files []File) (*layer, error) {
	h := sha256.New()
	count := &counter{}
	if err := writeTar(io.MultiWriter(h, count), files); err != nil {
		return nil, err
	}
	return &layer{
		files: files, size: count.bytes,
		hash: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))},
	}, nil
}

// A counter counts what is written to it.
type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

// Digest is the layer's name.
func (l *layer) Digest() (v1.Hash, error) { return l.hash, nil }

// DiffID is the digest of the uncompressed layer, which is the layer.
func (l *layer) DiffID() (v1.Hash, error) { return l.hash, nil }

// Size is the layer's, in bytes.
func (l *layer) Size() (int64, error) { return l.size, nil }

// MediaType says that it is not compressed.
func (l *layer) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }

// Compressed is the layer as it is stored.
func (l *layer) Compressed() (io.ReadCloser, error) { return l.Uncompressed() }

// Uncompressed writes the archive as it is read. To close it ends that.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeTar(w, l.files)) }() // ends with the archive or with r
	return r, nil
}
