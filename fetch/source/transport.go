// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxAnswerBytes is the largest of all other answers of a registry or token service that are not a layer.
	maxAnswerBytes = 1 << 20
	// minRateBytes is how much of a body must arrive within Options.SlowAfter.
	minRateBytes = 64 << 10
)

// registryTransport is below the registry client. It enforces one scheme, caps the answers, and turns 429 and 5xx into
// failures while Retry-After can still be read.
type registryTransport struct {
	inner  http.RoundTripper
	repo   name.Repository
	scheme string
}

// RoundTrip sends one request of the registry client.
func (t *registryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.inner.RoundTrip(t.withScheme(req))
	if err != nil {
		return nil, err
	}
	if err := serverFailure(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	at := partOf(t.repo, req)
	if readerHasLimit := at == partBlob || at == partManifest && resp.StatusCode == http.StatusOK; !readerHasLimit {
		resp.Body = capped(resp.Body, maxAnswerBytes, "the answer of "+req.URL.Host)
	}
	return resp, nil
}

// withScheme overrides the scheme of the registry client, which tries https and then http for private addresses and
// for hosts declared as plain. A redirect keeps the scheme that it names: the guard checks it.
func (t *registryTransport) withScheme(req *http.Request) *http.Request {
	if req.Response != nil || req.URL.Host != t.repo.RegistryStr() || req.URL.Scheme == t.scheme {
		return req
	}
	forced := req.Clone(req.Context())
	forced.URL.Scheme = t.scheme
	return forced
}

// part is what a request of the registry client is about.
type part int

const (
	partToken part = iota
	partPing
	partManifest
	partBlob
)

// partOf classifies the request that began a chain of redirects, whose length the guard bounds.
func partOf(repo name.Repository, req *http.Request) part {
	req = image.FirstRequest(req)
	path := "/v2/" + repo.RepositoryStr()
	switch {
	case req.URL.Host != repo.RegistryStr():
		return partToken
	case req.URL.Path == "/v2/":
		return partPing
	case strings.HasPrefix(req.URL.Path, path+"/manifests/"):
		return partManifest
	case strings.HasPrefix(req.URL.Path, path+"/blobs/"):
		return partBlob
	}
	return partToken
}

// capped fails instead of delivering a byte above the limit, and never ends early without an error.
func capped(body io.ReadCloser, limit int64, what string) io.ReadCloser {
	explain := func(err error) error {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return failure.Terminalf(v1alpha1.ReasonTooLarge, "%s is larger than %s", what, size(limit))
		}
		return err
	}
	return &explainedBody{ReadCloser: http.MaxBytesReader(nil, body, limit), explain: explain}
}

func size(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// rateTransport fails requests whose answers arrive too slowly: whoever waits for one holds a slot that others want.
// What counts is what comes over the wire, not what it unpacks to.
type rateTransport struct {
	inner  http.RoundTripper
	window time.Duration
}

// RoundTrip sends one request. Reading the body of its answer fails when that arrives too slowly.
func (t *rateTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	resp, err := t.inner.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &rateBody{ReadCloser: resp.Body, cancel: cancel, host: req.URL.Host, window: t.window, left: t.window}
	return resp, nil
}

// rateBody counts the time within Reads for each minRateBytes. The time between them does not count.
type rateBody struct {
	io.ReadCloser
	cancel context.CancelFunc // ends a Read that waits
	host   string
	window time.Duration
	left   time.Duration // of the window
	got    int           // bytes within the window
}

// Read reads what has arrived. It is interrupted at the end of the window.
func (b *rateBody) Read(p []byte) (int, error) {
	begun := time.Now()
	timer := time.AfterFunc(b.left, b.cancel)
	n, err := b.ReadCloser.Read(p)
	late := !timer.Stop()
	b.count(n, time.Since(begun))
	if late && !errors.Is(err, io.EOF) {
		return n, failure.Transientf(v1alpha1.ReasonUnavailable, "%s is too slow: it sent less than %d KiB within %s", b.host, minRateBytes>>10, b.window)
	}
	return n, err
}

func (b *rateBody) count(n int, took time.Duration) {
	b.got += n
	b.left -= took
	if b.got >= minRateBytes {
		b.got, b.left = 0, b.window
	}
}

// Close closes the body and ends the request.
func (b *rateBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
