// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"fmt"
	"strings"
)

// RefusedError says that the filter answered false when it was started or configured: Envoy then does not run it.
type RefusedError struct {
	// Callback that answered false: proxy_on_vm_start or proxy_on_configure.
	Callback string
}

// Error names the callback.
func (e *RefusedError) Error() string { return e.Callback + " returned false" }

// TrapError says that a call into the filter trapped. Envoy ends the virtual machine, and what it served.
type TrapError struct {
	// Callback is the export that was called, such as proxy_on_request_headers, or "the module's instantiation".
	Callback string
	// Reason is the engine's, such as unreachable.
	Reason string
	// Stack are the functions that were running, the innermost first and at most 30, by their demangled names where the
	// module has a name section, else as $ and the index.
	Stack []string
}

// Error names the callback, the reason and the top of the stack.
func (e *TrapError) Error() string { return e.Callback + " trapped: " + e.Reason + at(e.Stack) }

// shownFrames is how many functions of a stack an error's text names.
const shownFrames = 5

func at(stack []string) string {
	if len(stack) == 0 {
		return ""
	}
	shown := strings.Join(stack[:min(len(stack), shownFrames)], " < ")
	if len(stack) > shownFrames {
		shown += " < …"
	}
	return " in " + shown
}

// InternalError says that a call into the filter ended because of a mistake in this host, in its engine, or in a function that
// the caller gave it. It says nothing of the filter.
type InternalError struct {
	// Callback is the export that was called, or "the module's instantiation".
	Callback string
	// Reason is that of Go.
	Reason string
	// Stack as in TrapError.
	Stack []string
}

// Error names the callback, the reason and the top of the stack.
func (e *InternalError) Error() string {
	return e.Callback + " ended by a mistake of the host: " + e.Reason + at(e.Stack)
}

// Limit is a limit that a filter can reach.
type Limit string

// The limits.
const (
	LimitTime   Limit = "time"
	LimitMemory Limit = "memory"
	LimitDepth  Limit = "call depth"
	LimitOutput Limit = "output"
	LimitHeld   Limit = "held data"
)

// LimitError says that a call into the filter ended because of a limit of this host. It does not say that Envoy would fail:
// Envoy gives a filter more memory and time, and a deeper stack.
type LimitError struct {
	// Callback is the export that was called, or "the module's instantiation".
	Callback string
	// Limit that was reached.
	Limit Limit
	// Stack as in TrapError.
	Stack []string
}

// Error names the callback, the limit and the top of the stack.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s reached the limit of %s of the host%s", e.Callback, e.Limit, at(e.Stack))
}

// UnsupportedError says that a module needs what Envoy has and this host has not.
type UnsupportedError struct {
	// Feature that is missing, such as an imported memory.
	Feature string
}

// Error names the feature.
func (e *UnsupportedError) Error() string { return "this host does not support " + e.Feature }

// ErrClosed is the error of every use of a module, VM, plugin or stream after its end, or the end of what it is of, and of a
// second answer to a call-out.
var ErrClosed = errors.New("it is closed")

var errModuleClosed = fmt.Errorf("the module: %w", ErrClosed)

// limitReached is what a host function panics with; the engine recovers it and returns it from the call.
type limitReached Limit

// Error names the limit.
func (l limitReached) Error() string { return "limit of " + string(l) }

// restricted is what a host function panics with that Envoy does not offer while a module is initialized or allocates.
type restricted string

// Error names the function.
func (r restricted) Error() string {
	return "host function " + string(r) + " is not available at this point"
}
