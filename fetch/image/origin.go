package image

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// origin is where bytes come from, before anything is unpacked. It remembers how
// they failed, so that a decompressor's complaint about what was cut off is not
// mistaken for a damaged image.
type origin struct {
	ctx  context.Context
	r    io.Reader
	what string // for messages
	err  error  // sticky; io.EOF once all was read
}

func (o *origin) Read(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	if err := o.ctx.Err(); err != nil {
		o.err = fmt.Errorf("read %s: %w", o.what, err)
		return 0, o.err
	}
	n, err := o.r.Read(p)
	if err != nil {
		o.err = o.classify(err)
	}
	return n, o.err
}

// classify recognises a blob that is not what its digest says. The registry
// client's own error type is internal to it, its words are all there is.
func (o *origin) classify(err error) error {
	switch {
	case err == io.EOF:
		return io.EOF
	case strings.HasPrefix(err.Error(), "error verifying "):
		return failure.Terminalf(v1alpha1.ReasonDigestMismatch, "read %s: the registry's copy is damaged: %w", o.what, err)
	default:
		return fmt.Errorf("read %s: %w", o.what, err)
	}
}
