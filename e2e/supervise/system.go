// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/process"
)

// A System is what a supervisor runs.
type System struct {
	Name  string // what messages call it, such as "environment"
	Again string // the commands that end it and start it anew
	// Build builds what Start runs, so that Start is fast, and returns arguments for the supervisor beside those that the
	// user gave.
	Build func(ctx context.Context, out io.Writer) ([]string, error)
	// Start starts everything or nothing. ctx bounds the start only.
	Start func(ctx context.Context, s StartOptions) (Running, error)
	// Clean removes what one that was killed has left outside of its directory; nil when that is nothing.
	Clean func(ctx context.Context, dir Dir) error
}

// StartOptions are what a supervisor gives a system to run with.
type StartOptions struct {
	Dir  Dir
	Log  io.Writer            // takes lines
	Died func(*process.Error) // is to be called, from any goroutine, when a part dies
}

// Running is a system that was started.
type Running interface {
	Variables() []env.Variable
	Stop() error
}

// ErrUnhealthy is returned for a system that runs without a part that died.
var ErrUnhealthy = errors.New("is not whole")

func (s System) unhealthy() error {
	return fmt.Errorf("the %s %w; `%s` starts it anew", s.Name, ErrUnhealthy, s.Again)
}

func (s System) clean(ctx context.Context, dir Dir) error {
	if s.Clean == nil {
		return nil
	}
	return s.Clean(ctx, dir)
}
