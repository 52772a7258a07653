package image

import (
	"context"
	"io"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// Unpack streams the module out of a file: the file itself, or what it holds when
// it is compressed by gzip or zstd, or the only *.wasm file of a tar archive. In an
// archive that has several, plugin.wasm is taken when it comes first. Bytes of any
// other kind are streamed as they are: to tell what they are is the inspection's
// work.
//
// The module is capped at max bytes, what is read and unpacked around it at
// sixteen times that. Errors are terminal *failure.Error, or those of r, wrapped.
// Closing the stream does not close r. Cancelling is r's work.
func Unpack(r io.Reader, max int64) (io.ReadCloser, error) {
	o := &origin{ctx: context.Background(), r: r, what: "the file"}
	c, err := decode(o, newBudget(max))
	if err != nil {
		return nil, err
	}
	stream, err := unpackContent(c)
	if err != nil {
		c.close()
		return nil, err
	}
	return stream, nil
}

func unpackContent(c *content) (*Stream, error) {
	nothing := func() error { return nil }
	if c.kind != kindTar {
		return bare(c, nothing), nil
	}
	a := newArchive(c, nil)
	file, err := firstRegular(c, a)
	if err != nil {
		return nil, err
	}
	rival := anyFile
	if file.preferred() {
		rival = preferredFile
	}
	return entry(c, a, file, rival, nothing)
}

// firstRegular finds the first regular *.wasm file of an archive that can be read
// only once.
func firstRegular(c *content, a *archive) (wasmFile, error) {
	var refused error
	for {
		file, err := a.next()
		switch {
		case err == io.EOF && refused != nil:
			return wasmFile{}, refused
		case err == io.EOF:
			return wasmFile{}, failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "the archive holds no *.wasm file")
		case err != nil:
			return wasmFile{}, c.explain(err)
		case file.refused == nil:
			return file, nil
		case refused == nil:
			refused = file.refused
		}
	}
}
