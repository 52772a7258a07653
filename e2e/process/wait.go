// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// Timeout is how long anything may take before it counts as failed. It is for machines that are busy with other
	// work, and says nothing of how long it takes on one that is not.
	Timeout = 10 * time.Minute
	// firstInterval and lastInterval are the time between two questions, which grows: some questions cost a process.
	firstInterval = 50 * time.Millisecond
	lastInterval  = 250 * time.Millisecond
)

// ErrPortTaken is the reason of a part that ended because another process had its port.
var ErrPortTaken = errors.New("found its port taken")

// Poll tries until it succeeds, the context ends or Timeout is over. Then it returns the last error that is not the
// context's own.
func Poll(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("not within %s", Timeout))
	defer cancel()
	var last error
	for interval := firstInterval; ; interval = min(interval*5/4, lastInterval) {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last answer: %w)", context.Cause(ctx), last)
		case <-time.After(interval):
		}
	}
}

// WaitReady polls until the probe succeeds, the process ends or the time is over.
func (p *Process) WaitReady(ctx context.Context, timeout time.Duration, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not within %s", timeout))
	defer cancel()
	err := Poll(ctx, func(ctx context.Context) error {
		err := probe(ctx)
		if !p.Running() {
			cancel() // there is no use in another try
		}
		return err
	})
	switch {
	case err == nil:
		return nil
	case !p.Running():
		return endedEarly(p)
	default:
		return fmt.Errorf("did not come up: %w", err)
	}
}

// endedEarly is why a process ended before it was ready.
func endedEarly(p *Process) error {
	tail, err := tailFrom(p.Log, p.logStart, tailLines)
	if err == nil && slices.ContainsFunc(tail, mentionsTakenPort) {
		return fmt.Errorf("%w: %w", ErrPortTaken, Exited(p))
	}
	return fmt.Errorf("did not come up: %w", Exited(p))
}

func mentionsTakenPort(line string) bool {
	return strings.Contains(strings.ToLower(line), "address already in use")
}
