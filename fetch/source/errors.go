// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/text"
)

const (
	// maxForeignBytes is how much of a text that is not ours a message repeats.
	maxForeignBytes = 300
	// maxRetryAfter is the longest Retry-After that is honoured.
	maxRetryAfter = time.Hour
)

// rewordedError has a text of its own: that of the error that it wraps may hold a query or credentials.
type rewordedError struct {
	text  string
	cause error
}

func (e *rewordedError) Error() string { return e.text }
func (e *rewordedError) Unwrap() error { return e.cause }

// reworded keeps the classification of f under another message.
func reworded(f *failure.Error, message string) *failure.Error {
	again := *f
	again.Err = &rewordedError{text: message, cause: f.Err}
	return &again
}

// explainedBody is a body whose errors are replaced.
type explainedBody struct {
	io.ReadCloser
	explain func(error) error
}

// Read reads the body. It returns io.EOF as it is.
func (b *explainedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = b.explain(err)
	}
	return n, err
}

// explainNetwork classifies an error of a request or of its answer, as transient if it is not classified yet.
func explainNetwork(ctx context.Context, err error, what string, redact func(string) string) error {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return reworded(known, what+": "+redact(known.Error()))
	}
	message := what + ": " + redact(networkText(ctx, err))
	return &failure.Error{Reason: v1alpha1.ReasonUnavailable, Err: &rewordedError{text: message, cause: err}}
}

func networkText(ctx context.Context, err error) string {
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, isOfAnother := errors.AsType[x509.HostnameError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	timeout, mayTimeout := errors.AsType[net.Error](err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "no answer in time"
	case ctx.Err() != nil:
		return "cancelled"
	case isUnknown:
		return "x509: certificate signed by unknown authority: give its authority's certificate to the server (--ca-file)"
	case isOfAnother: // whose names are not for who asks
		return "x509: certificate is for another host"
	case isPlain, errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS: name a registry in --plain-http-hosts, write the URL of an object with http"
	case isDNS && dns.IsNotFound:
		return "look up host " + dns.Name + ": no such host"
	case isDNS:
		return "look up host " + dns.Name + ": the name servers do not answer"
	case isOp && op.Op == "dial":
		return opText(op)
	case mayTimeout && timeout.Timeout():
		return "timed out"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection ended before the content did"
	}
	return foreignText(err)
}

// query is what may sign a URL.
var query = regexp.MustCompile(`\?[^\s"]+`)

// foreignText is what a message repeats of others' text: the first line, without URLs' queries and addresses.
func foreignText(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return opText(op)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return text.Truncate(query.ReplaceAllString(line, "?…"), maxForeignBytes)
}

// opText leaves out both addresses: our port differs each time, and with it a status would be written again.
func opText(op *net.OpError) string {
	message := op.Err.Error()
	if strings.HasPrefix(message, op.Op+": ") {
		return message
	}
	return op.Op + ": " + message
}

// serverFailure returns the failure of an answer that says "not now", 429 and all of 5xx; nil for any other.
func serverFailure(resp *http.Response) error {
	reason := v1alpha1.ReasonUnavailable
	if resp.StatusCode == http.StatusTooManyRequests {
		reason = v1alpha1.ReasonRateLimited
	} else if resp.StatusCode < 500 {
		return nil
	}
	err := failure.Transientf(reason, "%s answered %s", resp.Request.URL.Host, statusText(resp.StatusCode))
	err.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
	return err
}

// retryAfter reads a Retry-After header, which holds seconds or a date; 0 when it holds neither, or the past.
func retryAfter(value string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, maxRetryAfter))
}

func statusText(code int) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + http.StatusText(code))
}

func refusesAccess(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

func isGone(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }
