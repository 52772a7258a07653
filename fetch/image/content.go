package image

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// kind is what bytes are, told by the first of them.
type kind int

const (
	kindOther kind = iota
	kindWasm
	kindGzip
	kindZstd
	kindTar
)

const (
	tarBlock = 512 // bytes of a tar header
	// bufferSize is how much is read from a blob at once.
	bufferSize = 64 << 10
	// maxZstdWindow is what every zstd decoder must support, and what encoders use
	// up to level 19.
	maxZstdWindow = 8 << 20
)

func sniff(head []byte) kind {
	switch {
	case bytes.HasPrefix(head, []byte("\x00asm")):
		return kindWasm
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return kindGzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return kindZstd
	case len(head) == tarBlock && string(head[257:262]) == "ustar":
		return kindTar
	default:
		return kindOther
	}
}

// content is a blob or file after decompression.
type content struct {
	*bufio.Reader
	kind   kind // never gzip or zstd, unless compressed twice
	origin *origin
	budget *budget
	packed bool // the origin's bytes are not these
	close  func()
}

// decode sniffs the bytes of o and undoes one level of compression. The caller
// closes the content; that does not close o.
func decode(o *origin, b *budget) (*content, error) {
	in := bufio.NewReaderSize(b.limitReading(o), bufferSize)
	c := &content{Reader: in, origin: o, budget: b, close: func() {}}
	kind, err := c.sniff()
	if err != nil {
		return nil, err
	}
	c.kind = kind
	if kind != kindGzip && kind != kindZstd {
		return c, nil
	}
	c.packed = true
	if err := c.decompress(in); err != nil {
		return nil, c.explain(err)
	}
	if c.kind, err = c.sniff(); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// sniff looks at the first bytes without consuming them.
func (c *content) sniff() (kind, error) {
	head, err := c.Peek(tarBlock)
	if err != nil && !errors.Is(err, io.EOF) {
		return kindOther, c.explain(err)
	}
	return sniff(head), nil
}

func (c *content) decompress(in io.Reader) error {
	var out io.Reader
	if c.kind == kindGzip {
		r, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		out = r
	} else {
		r, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return err
		}
		out, c.close = r, r.Close
	}
	c.Reader = bufio.NewReaderSize(c.budget.limitUnpacking(out), bufferSize)
	return nil
}

// drain reads what is left, so that the origin has verified all of it.
func (c *content) drain() error {
	if _, err := io.Copy(io.Discard, c.Reader); err != nil {
		return c.explain(err)
	}
	return c.drainOrigin()
}

// drainOrigin reads what a decompressor left unread.
func (c *content) drainOrigin() error {
	_, err := io.Copy(io.Discard, c.budget.limitReading(c.origin))
	return err
}

// explain turns an error met while unpacking into one that says whose fault it
// was: the way to the registry, a limit, or bytes that are what was pushed and
// yet damaged.
func (c *content) explain(err error) error {
	if classified, ok := errors.AsType[*failure.Error](err); ok {
		return classified
	}
	if err := c.drainOrigin(); err != nil {
		return err
	}
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "unpack %s: it is damaged: %w", c.origin.what, err)
}
