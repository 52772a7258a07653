// SPDX-License-Identifier: Apache-2.0

package failure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Error is a classified failure. Its message names what was attempted on what, and where a user can help, the remedy.
type Error struct {
	// Reason is the kind of failure.
	Reason v1alpha1.Reason
	// Terminal is true when retrying cannot help.
	Terminal bool
	// RetryAfter is how long the source asked not to be called; 0 when it did not.
	RetryAfter time.Duration
	// Err is the underlying error; its text is the message. Never nil.
	Err error
}

// Error returns the message.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Terminalf makes a terminal failure with a formatted message; %w wraps.
func Terminalf(reason v1alpha1.Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Terminal: true, Err: fmt.Errorf(format, args...)}
}

// Transientf makes a transient failure with a formatted message; %w wraps.
func Transientf(reason v1alpha1.Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Of returns the classified failure within err. An unclassified error is transient: Unavailable, or Pending when a
// context ended. It returns nil for a nil error.
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

// Wrapf puts a formatted text before the message of err and keeps its classification. It returns nil for a nil error.
func Wrapf(err error, format string, args ...any) *Error {
	if err == nil {
		return nil
	}
	e := *Of(err)
	e.Err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	return &e
}
