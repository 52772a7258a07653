package failure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Error is a classified failure. Its message names what was attempted on what,
// and where a user can help, the remedy.
type Error struct {
	// Reason is the kind of failure.
	Reason v1alpha1.Reason
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
func Definitef(reason v1alpha1.Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Definite: true, Err: fmt.Errorf(format, args...)}
}

// Indefinitef makes an indefinite failure with a formatted message; %w wraps.
func Indefinitef(reason v1alpha1.Reason, format string, args ...any) *Error {
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
		return &Error{Reason: v1alpha1.ReasonPending, Err: err}
	}
	return &Error{Reason: v1alpha1.ReasonUnavailable, Err: err}
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
