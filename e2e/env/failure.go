package env

import (
	"fmt"
	"strings"
)

// tailLines is how much of a log a ComponentError shows.
const tailLines = 15

// A ComponentError says that a part of the environment did not come up, or died, and shows the end of its log.
type ComponentError struct {
	Component string // "etcd", "kube-apiserver", …
	Log       string // path of its log
	Tail      []string
	Err       error
}

func newComponentError(p *process, err error) *ComponentError {
	tail, readErr := tailFrom(p.log, p.logStart, tailLines)
	if readErr != nil {
		tail = []string{readErr.Error()}
	}
	return &ComponentError{Component: p.name, Log: p.log, Tail: tail, Err: err}
}

// Error is several lines long: what happened, and the end of the log.
func (e *ComponentError) Error() string {
	if len(e.Tail) == 0 {
		return fmt.Sprintf("%s %v; it said nothing in its log %s", e.Component, e.Err, e.Log)
	}
	return fmt.Sprintf("%s %v; its log %s ends:\n  %s", e.Component, e.Err, e.Log, strings.Join(e.Tail, "\n  "))
}

// Unwrap returns why.
func (e *ComponentError) Unwrap() error { return e.Err }

// exited is the reason of a process that ended by itself.
func exited(p *process) error {
	if p.err == nil {
		return fmt.Errorf("ended by itself")
	}
	return fmt.Errorf("died: %w", p.err)
}
