package image

import (
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Stream is a module on its way out of an image or a file. Its bytes may be
// trusted only once Read has returned io.EOF: until then neither the digest of
// what carries it has been verified nor the rest of the archive looked at.
type Stream struct {
	// Layer that carries the module; zero outside of images.
	Layer v1.Descriptor
	// Path of the module in the archive that carries it; empty when it is bare.
	Path string

	r      io.Reader
	finish func() error // reads and checks what follows the module
	failed func(error) error
	close  func() error
	end    error // sticky
	whole  bool  // these are all the bytes of the blob, as they were pushed
}

// SHA256 returns the hash, in hex, that the module has if Read ends in io.EOF, which
// the registry client verifies on the way; "" when the module is but a part of what
// it verifies, or does not come from an image.
func (s *Stream) SHA256() string {
	if !s.whole || s.Layer.Digest.Algorithm != "sha256" {
		return ""
	}
	return s.Layer.Digest.Hex
}

// Read reads the module's bytes. It fails with TooLarge above the limit, and in
// place of io.EOF when what carries the module turns out to be damaged, cut off
// or ambiguous.
func (s *Stream) Read(p []byte) (int, error) {
	if s.end != nil {
		return 0, s.end
	}
	n, err := s.r.Read(p)
	if err != nil {
		s.end = s.conclude(err)
	}
	return n, s.end
}

func (s *Stream) conclude(err error) error {
	if err != io.EOF {
		return s.failed(err)
	}
	if err := s.finish(); err != nil {
		return err
	}
	return io.EOF
}

// Close releases the connection. What was not read is not verified.
func (s *Stream) Close() error {
	if s.end == nil {
		s.end = io.ErrClosedPipe
	}
	return s.close()
}

// bare streams content that is no archive.
func bare(c *content, close func() error) *Stream {
	return &Stream{
		whole:  !c.packed,
		r:      c.budget.limitModule(c.Reader),
		finish: c.drain,
		failed: c.explain,
		close:  closeBoth(c, close),
	}
}

// entry streams the file at which the archive a in c stands. A file that rival
// accepts, further back, makes the archive ambiguous.
func entry(c *content, a *archive, file wasmFile, rival func(wasmFile) bool, close func() error) (*Stream, error) {
	if file.size > c.budget.max {
		return nil, c.budget.moduleExceeded()
	}
	return &Stream{
		Path:   file.path,
		r:      c.budget.limitModule(a.tar),
		finish: func() error { return finishArchive(c, a, file, rival) },
		failed: c.explain,
		close:  closeBoth(c, close),
	}, nil
}

func finishArchive(c *content, a *archive, chosen wasmFile, rival func(wasmFile) bool) error {
	for {
		file, err := a.next()
		if err == io.EOF {
			return c.drain()
		}
		if err != nil {
			return c.explain(err)
		}
		if file.refused == nil && rival(file) {
			return ambiguous([]string{chosen.path, file.path})
		}
	}
}

// The rivals of a module in an archive.
func anyFile(wasmFile) bool         { return true }
func noFile(wasmFile) bool          { return false }
func preferredFile(f wasmFile) bool { return f.preferred() }

func closeBoth(c *content, close func() error) func() error {
	return func() error {
		c.close()
		return close()
	}
}
