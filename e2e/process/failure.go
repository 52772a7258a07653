// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"strings"
)

// tailLines is how much of a log an Error shows.
const tailLines = 15

// An Error says that a part did not come up, or died, and shows the end of its log.
type Error struct {
	Component string // "etcd", "kube-apiserver", …
	Log       string // path of its log
	Tail      []string
	Err       error
}

// NewError is the error of a process, for a reason.
func NewError(p *Process, err error) *Error {
	tail, readErr := tailFrom(p.Log, p.logStart, tailLines)
	if readErr != nil {
		tail = []string{readErr.Error()}
	}
	return &Error{Component: p.Name, Log: p.Log, Tail: tail, Err: err}
}

// Error is several lines long: what happened, and the end of the log.
func (e *Error) Error() string {
	if len(e.Tail) == 0 {
		return fmt.Sprintf("%s %v; it said nothing in its log %s", e.Component, e.Err, e.Log)
	}
	return fmt.Sprintf("%s %v; its log %s ends:\n  %s", e.Component, e.Err, e.Log, strings.Join(e.Tail, "\n  "))
}

// Unwrap returns why.
func (e *Error) Unwrap() error { return e.Err }

// Exited is the reason of a process that ended by itself.
func Exited(p *Process) error {
	if p.err == nil {
		return fmt.Errorf("ended by itself")
	}
	return fmt.Errorf("died: %w", p.err)
}
