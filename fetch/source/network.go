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
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// maxForeignText is how many bytes of a text that is not ours a message repeats.
const maxForeignText = 300

// rewordedError has a text of its own: what it wraps may hold a query or more, and
// is there for errors.Is and errors.As only.
type rewordedError struct {
	text  string
	cause error
}

func (e *rewordedError) Error() string { return e.text }
func (e *rewordedError) Unwrap() error { return e.cause }

// reworded keeps the classification of f under another message.
func reworded(f *failure.Error, text string) *failure.Error {
	again := *f
	again.Err = &rewordedError{text: text, cause: f.Err}
	return &again
}

// explainNetwork classifies how a request failed before there was an answer, or
// while it was read. All of it may pass by itself, save what is classified already.
func explainNetwork(ctx context.Context, err error, what string, redact func(string) string) error {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return reworded(known, what+": "+redact(known.Error()))
	}
	text := what + ": " + redact(networkText(ctx, err))
	return &failure.Error{Reason: v1alpha1.ReasonUnavailable, Err: &rewordedError{text: text, cause: err}}
}

func networkText(ctx context.Context, err error) string {
	unknown, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "no answer in time"
	case ctx.Err() != nil:
		return "cancelled"
	case isUnknown:
		return unknown.Error() + ": give its authority's certificate to the server (--ca-file)"
	case isPlain, errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS: name a registry in --plain-http-hosts, write the URL of an object with http"
	case isDNS && dns.IsNotFound:
		return "look up host " + dns.Name + ": no such host"
	case isDNS:
		return "look up host " + dns.Name + ": the name servers do not answer"
	case isOp && op.Op == "dial":
		return opText(op)
	case isTimeout(err):
		return "timed out"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection ended before the content did"
	}
	return foreignText(err)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// query is what may sign a URL.
var query = regexp.MustCompile(`\?[^\s"]+`)

// foreignText is what remains of a text that is not ours: the first line, without
// URLs' queries and connections' addresses.
func foreignText(err error) string {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return opText(op)
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	text = query.ReplaceAllString(text, "?…")
	if len(text) > maxForeignText {
		text = strings.ToValidUTF8(text[:maxForeignText], "") + "…"
	}
	return text
}

// opText leaves out both addresses of a connection. Our own has another port each
// time, so that a status would be written anew at each attempt.
func opText(op *net.OpError) string {
	text := op.Err.Error()
	if strings.HasPrefix(text, op.Op+": ") {
		return text
	}
	return op.Op + ": " + text
}
