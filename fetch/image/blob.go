// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	tarBlock = 512 // bytes of a tar header
	// bufferSize is how much is read from a blob at once.
	bufferSize = 64 << 10
	// maxZstdWindow is what every zstd decoder must support, and what encoders use up to level 19.
	maxZstdWindow = 8 << 20
)

// blob is a layer or file as it is stored. It keeps the error of reading it: to be cut off is not to be damaged.
type blob struct {
	io.ReadCloser
	ctx  context.Context
	what string // for messages
	err  error  // the first one; io.EOF once all was read
}

func (b *blob) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if err := b.ctx.Err(); err != nil {
		b.err = fmt.Errorf("read %s: %w", b.what, err)
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.err = b.classify(err)
	}
	return n, b.err
}

// classify recognises a blob that does not have its digest by the text: the type of the client's error is internal.
func (b *blob) classify(err error) error {
	switch {
	case err == io.EOF:
		return io.EOF
	case strings.HasPrefix(err.Error(), "error verifying "):
		return failure.Terminalf(v1alpha1.ReasonDigestMismatch, "read %s: the registry's copy is damaged: %w", b.what, err)
	default:
		return fmt.Errorf("read %s: %w", b.what, err)
	}
}

// format is what bytes are, by the first of them.
type format int

const (
	formatOther format = iota
	formatWasm
	formatGzip
	formatZstd
	formatTar
)

func formatOf(head []byte) format {
	switch {
	case bytes.HasPrefix(head, []byte("\x00asm")):
		return formatWasm
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return formatGzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return formatZstd
	case len(head) == tarBlock && string(head[257:262]) == "ustar":
		return formatTar
	default:
		return formatOther
	}
}

// content is a blob after decompression.
type content struct {
	*bufio.Reader
	format  format // gzip or zstd only if compressed twice
	blob    *blob
	budget  *budget
	decoder *zstd.Decoder // nil unless compressed by zstd
}

// decode undoes one level of compression. The content closes the blob, and so does an error.
func decode(b *blob, budget *budget) (*content, error) {
	c := &content{blob: b, budget: budget, Reader: bufio.NewReaderSize(budget.limitReading(b), bufferSize)}
	err := c.detect()
	if err == nil && (c.format == formatGzip || c.format == formatZstd) {
		err = c.decompress()
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// detect finds the format of the bytes that follow, without consuming them.
func (c *content) detect() error {
	head, err := c.Peek(tarBlock)
	if err != nil && err != io.EOF {
		return c.explain(err)
	}
	c.format = formatOf(head)
	return nil
}

func (c *content) decompress() error {
	out, err := c.newDecoder()
	if err != nil {
		return c.explain(err)
	}
	c.Reader = bufio.NewReaderSize(c.budget.limitUnpacking(out), bufferSize)
	return c.detect()
}

func (c *content) newDecoder() (_ io.Reader, err error) {
	if c.format == formatGzip {
		return gzip.NewReader(c.Reader)
	}
	c.decoder, err = zstd.NewReader(c.Reader,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	return c.decoder, err
}

// Close releases the decoder and the blob.
func (c *content) Close() error {
	if c.decoder != nil {
		c.decoder.Close()
	}
	return c.blob.Close()
}

// drain reads what is left, so that the whole blob has been verified.
func (c *content) drain() error {
	if _, err := io.Copy(io.Discard, c.Reader); err != nil {
		return c.explain(err)
	}
	return c.drainBlob()
}

// drainBlob reads what a decoder left unread.
func (c *content) drainBlob() error {
	_, err := io.Copy(io.Discard, c.budget.limitReading(c.blob))
	return err
}

// explain finds the cause of an error of decoding: reading the blob, a limit, or damaged bytes that have their digest.
func (c *content) explain(err error) error {
	if classified, ok := errors.AsType[*failure.Error](err); ok {
		return classified
	}
	if err := c.drainBlob(); err != nil {
		return err
	}
	return failure.Terminalf(v1alpha1.ReasonUnsupportedImage, "unpack %s: it is damaged: %w", c.blob.what, err)
}
