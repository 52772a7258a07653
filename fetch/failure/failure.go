package failure

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reason is a CamelCase word for a kind of failure.
type Reason string

// Failures that are definite: only a user can help.
const (
	// InvalidSource is a source that cannot be read as one: a malformed reference
	// or URL, or none at all.
	InvalidSource Reason = "InvalidSource"
	// NotFound is an image, object or key that the source says it does not have.
	NotFound Reason = "NotFound"
	// Unauthorized is a source that refuses the credentials, or the lack of them.
	Unauthorized Reason = "Unauthorized"
	// AddressRefused is an address that the server must not reach.
	AddressRefused Reason = "AddressRefused"
	// DigestMismatch is content whose digest is not the one that was asked for.
	DigestMismatch Reason = "DigestMismatch"
	// UnsupportedImage is an image without a module, or with several.
	UnsupportedImage Reason = "UnsupportedImage"
	// TooLarge is a module above the limit.
	TooLarge Reason = "TooLarge"
	// NotWasm is content that is not a WebAssembly module.
	NotWasm Reason = "NotWasm"
	// Component is a WebAssembly component, which Envoy cannot load.
	Component Reason = "Component"
	// NotProxyWasm is a module without a Proxy-Wasm ABI or an allocator.
	NotProxyWasm Reason = "NotProxyWasm"
	// UnknownImport is a module that imports what no Envoy provides.
	UnknownImport Reason = "UnknownImport"
	// InvalidSecret is a pull secret that cannot be read as one.
	InvalidSecret Reason = "InvalidSecret"
)

// Failures that are indefinite: they may pass by themselves.
const (
	// SecretNotFound is a pull secret that does not exist (yet).
	SecretNotFound Reason = "SecretNotFound"
	// ConfigMapNotFound is a ConfigMap or key that does not exist (yet).
	ConfigMapNotFound Reason = "ConfigMapNotFound"
	// RateLimited is a source that asks for patience.
	RateLimited Reason = "RateLimited"
	// Unavailable is a source that does not answer, or answers with a server error.
	Unavailable Reason = "Unavailable"
	// Pending is a fetch that goes on in the background.
	Pending Reason = "Pending"
	// StoreFailed is a store that cannot keep the module, such as a full disk.
	StoreFailed Reason = "StoreFailed"
)

// Error is a classified failure. Its message names what was attempted on what,
// and where a user can help, the remedy.
type Error struct {
	// Reason is the kind of failure.
	Reason Reason
	// Definite is true when retrying cannot help.
	Definite bool
	// RetryAfter is how long the source asked to be left alone; 0 when it did not.
	RetryAfter time.Duration
	// Err is the underlying error; its text is the message. Never nil.
	Err error
}

// Error returns the message.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Definitef makes a definite failure with a formatted message; %w wraps.
func Definitef(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Definite: true, Err: fmt.Errorf(format, args...)}
}

// Indefinitef makes an indefinite failure with a formatted message; %w wraps.
func Indefinitef(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Of returns the classified failure within err. An error that nobody classified
// counts as indefinite: Unavailable, or Pending when a context ended. It returns
// nil for a nil error.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Error{Reason: Pending, Err: err}
	}
	return &Error{Reason: Unavailable, Err: err}
}

// Wrapf puts words before the message of err and keeps its classification.
func Wrapf(err error, format string, args ...any) *Error {
	if err == nil {
		return nil
	}
	e := *Of(err)
	e.Err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	return &e
}
