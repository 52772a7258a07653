// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"fmt"
	"io"
	"syscall"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/internal/filelock"
)

// Down stops the system in dir, if there is one, and removes what it left, but for its logs. It tells which parts had
// died.
func (s System) Down(ctx context.Context, dir Dir, out io.Writer) error {
	release, err := s.exclusive(ctx, dir, out)
	if err != nil {
		return err
	}
	defer release()
	running, err := dir.running()
	if err != nil {
		return err
	}
	if running {
		return s.stop(ctx, dir, out)
	}
	if err := s.reportEnd(dir, out); err != nil {
		return err
	}
	if err := s.clean(ctx, dir); err != nil {
		return err
	}
	fmt.Fprintf(out, "The %s is down.\n", s.Name)
	return dir.clear()
}

func (s System) stop(ctx context.Context, dir Dir, out io.Writer) error {
	last, err := dir.readState()
	if err != nil {
		return err
	}
	printFailures(out, last)
	if err := syscall.Kill(last.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the supervisor, process %d: %w", last.PID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, env.Timeout)
	defer cancel()
	release, err := filelock.Acquire(ctx, dir.lock())
	if err != nil {
		return fmt.Errorf("wait until the supervisor, process %d, has ended: %w", last.PID, err)
	}
	defer release()
	fmt.Fprintf(out, "The %s is down.\n", s.Name)
	return dir.clear()
}
