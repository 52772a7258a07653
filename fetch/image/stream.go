// SPDX-License-Identifier: Apache-2.0

package image

import (
	"cmp"
	"context"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/fetch/module"
)

// Stream is the module of an image or a file. Its bytes may be trusted only once Read has returned io.EOF: until then
// neither the digest of the layer has been verified nor the rest of the archive searched.
type Stream struct {
	// Layer that holds the module; zero outside of images.
	Layer v1.Descriptor
	// Path of the module in its archive; empty if it is bare.
	Path string

	content *content
	module  io.Reader    // capped
	finish  func() error // reads and checks what follows the module
	err     error        // the first one
}

// Read fails with TooLarge above the limit, and in place of io.EOF if the source was damaged, cut off or ambiguous.
func (s *Stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.module.Read(p)
	switch {
	case err == io.EOF:
		s.err = cmp.Or(s.finish(), io.EOF)
	case err != nil:
		s.err = s.content.explain(err)
	}
	return n, s.err
}

// Close releases the connection. What was not read is not verified.
func (s *Stream) Close() error {
	s.err = cmp.Or(s.err, io.ErrClosedPipe)
	return s.content.Close()
}

// bareModule streams content that is no archive.
func bareModule(c *content) *Stream {
	return &Stream{content: c, module: c.budget.limitModule(c), finish: c.drain}
}

// archivedModule streams the file at which the archive is. A later one that rival accepts makes it ambiguous.
func archivedModule(a *archive, file *wasmFile, rival func(wasmFile) bool) (*Stream, error) {
	c := a.content
	if file.size > c.budget.max {
		return nil, module.TooLarge(c.budget.max)
	}
	finish := func() error {
		other, err := a.find(func(f wasmFile) bool { return f.refused == nil && rival(f) })
		switch {
		case err != nil:
			return err
		case other != nil:
			return severalFiles(file.path, other.path)
		}
		return c.drain()
	}
	return &Stream{Path: file.path, content: c, module: c.budget.limitModule(a.tar), finish: finish}, nil
}

// Unpack streams the module of a file: the file itself, uncompressed if it is gzip or zstd, or the only *.wasm file of
// a tar archive, or plugin.wasm if it comes first. module.Inspect refuses other formats.
//
// The module is capped at max bytes, what is read and decompressed around it at sixteen times that. Errors are
// terminal *failure.Error, or those of r, wrapped. Closing the stream does not close r. Cancelling is up to r.
func Unpack(r io.Reader, max int64) (io.ReadCloser, error) {
	c, err := decode(&blob{ReadCloser: io.NopCloser(r), ctx: context.Background(), what: "the file"}, newBudget(max))
	if err != nil {
		return nil, err
	}
	if c.format != formatTar {
		return bareModule(c), nil
	}
	stream, err := firstModule(newArchive(c, nil))
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return stream, nil
}

// firstModule streams the first regular *.wasm file of an archive that can be read only once.
func firstModule(a *archive) (*Stream, error) {
	var refused error
	file, err := a.find(func(f wasmFile) bool {
		refused = cmp.Or(refused, f.refused)
		return f.refused == nil
	})
	switch {
	case err != nil:
		return nil, err
	case file == nil && refused != nil:
		return nil, refused
	case file == nil:
		return nil, unsupported("the archive holds no *.wasm file")
	}
	rival := func(f wasmFile) bool { return !file.preferred() || f.preferred() }
	return archivedModule(a, file, rival)
}
