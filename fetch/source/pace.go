package source

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// minPace is how many bytes of a body must come within Options.SlowAfter.
const minPace = 64 << 10

// paced gives up servers that drip: whoever waits for one holds a place that others
// want. What counts is what comes over the wire, not what it unpacks to.
type paced struct {
	inner  http.RoundTripper
	window time.Duration
}

// RoundTrip sends one request; reading its answer fails when that comes too
// slowly.
func (t *paced) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	resp, err := t.inner.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &pacedBody{ReadCloser: resp.Body, cancel: cancel, host: req.URL.Host, window: t.window, left: t.window}
	return resp, nil
}

// pacedBody counts the time for which it waits for the server, in turns of minPace
// bytes. The time that its reader takes for something else does not count.
type pacedBody struct {
	io.ReadCloser
	cancel context.CancelFunc // ends a Read that waits
	host   string
	window time.Duration
	left   time.Duration // of the window, for what is missing of minPace
	got    int
}

// Read reads what comes. It is interrupted at the end of the window.
func (b *pacedBody) Read(p []byte) (int, error) {
	begun := time.Now()
	timer := time.AfterFunc(b.left, b.cancel)
	n, err := b.ReadCloser.Read(p)
	late := !timer.Stop()
	b.count(n, time.Since(begun))
	if late && !errors.Is(err, io.EOF) {
		return n, failure.Transientf(v1alpha1.ReasonUnavailable, "%s is too slow: it sent less than %d KiB within %s", b.host, minPace>>10, b.window)
	}
	return n, err
}

func (b *pacedBody) count(n int, took time.Duration) {
	b.got += n
	b.left -= took
	if b.got >= minPace {
		b.got, b.left = 0, b.window
	}
}

// Close lets go of the connection.
func (b *pacedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
