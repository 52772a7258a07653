package supervise

import (
	"context"
	"fmt"
	"io"
	"syscall"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/filelock"
)

// Down stops the environment in dir, if there is one, and removes what it left, but for its logs. It tells which
// parts had died.
func Down(ctx context.Context, dir Dir, out io.Writer) error {
	release, err := dir.exclusive(ctx, out)
	if err != nil {
		return err
	}
	defer release()
	running, err := dir.running()
	if err != nil {
		return err
	}
	if running {
		return stop(ctx, dir, out)
	}
	if err := dir.reportEnd(out); err != nil {
		return err
	}
	fmt.Fprintln(out, "The environment is down.")
	return dir.clear()
}

func stop(ctx context.Context, dir Dir, out io.Writer) error {
	s, err := dir.readState()
	if err != nil {
		return err
	}
	printFailures(out, s)
	if err := syscall.Kill(s.PID, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the supervisor, process %d: %w", s.PID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, env.Timeout)
	defer cancel()
	release, err := filelock.Acquire(ctx, dir.lock())
	if err != nil {
		return fmt.Errorf("wait until the supervisor, process %d, has ended: %w", s.PID, err)
	}
	defer release()
	fmt.Fprintln(out, "The environment is down.")
	return dir.clear()
}
