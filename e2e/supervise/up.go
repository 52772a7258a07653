// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/internal/filelock"
)

// Command is the first argument that makes this program the supervisor, which is to call Supervise.
const Command = "supervise"

// Up starts a system in the background and returns when it is ready, or says that it already is. The supervisor is this
// program with Command and args for arguments.
func (s System) Up(ctx context.Context, dir Dir, args []string, out io.Writer) error {
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
		fmt.Fprintf(out, "The %s is already up.\n", s.Name)
		return s.Status(dir, out)
	}
	if err := s.reportEnd(dir, out); err != nil {
		return err
	}
	more, err := s.Build(ctx, out)
	if err != nil {
		return err
	}
	return s.start(ctx, dir, append(more, args...), out)
}

// exclusive waits until no other Up or Down is at work in the directory.
func (s System) exclusive(ctx context.Context, d Dir, out io.Writer) (release func(), err error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return nil, fmt.Errorf("make the %s's directory: %w", s.Name, err)
	}
	release, ok, err := filelock.TryAcquire(string(d))
	if ok || err != nil {
		return release, err
	}
	fmt.Fprintf(out, "Waiting for another start or stop of this %s.\n", s.Name)
	return filelock.Acquire(ctx, string(d))
}

// reportEnd tells of an earlier system that ended without having been stopped.
func (s System) reportEnd(d Dir, out io.Writer) error {
	last, err := d.readState()
	if err != nil || last.Phase == "" {
		return err
	}
	fmt.Fprintf(out, "The %s that was started at %s has ended by itself.\n", s.Name, last.Since.Format(time.TimeOnly))
	printFailures(out, last)
	printTail(out, d)
	return nil
}

func (s System) start(ctx context.Context, dir Dir, args []string, out io.Writer) error {
	if err := errors.Join(s.clean(ctx, dir), dir.clear()); err != nil {
		return fmt.Errorf("clear what an earlier %s left: %w", s.Name, err)
	}
	if err := os.RemoveAll(dir.logs()); err != nil {
		return fmt.Errorf("clear the logs of an earlier %s: %w", s.Name, err)
	}
	fmt.Fprintf(out, "Starting the %s.\n", s.Name)
	supervisor, err := spawn(dir, args)
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	if err := waitUntilUp(ctx, dir, supervisor); err != nil {
		return err
	}
	return s.Status(dir, out)
}

// A child is the supervisor as its starter sees it.
type child struct {
	pid   int
	ended <-chan error // gets the reason once
}

// spawn starts the supervisor in a session of its own, from a copy of this program: `go run` deletes the original.
func spawn(dir Dir, args []string) (child, error) {
	if err := copySelf(dir.program()); err != nil {
		return child{}, err
	}
	if err := os.MkdirAll(dir.logs(), 0o755); err != nil {
		return child{}, err
	}
	log, err := os.OpenFile(dir.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return child{}, err
	}
	defer log.Close()
	cmd := exec.Command(dir.program(), append([]string{Command}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return child{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the supervisor, or with this program
	return child{pid: cmd.Process.Pid, ended: ended}, nil
}

func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o755)
}

// waitUntilUp returns when the system is ready or has failed. When ctx ends first, the supervisor is stopped.
func waitUntilUp(ctx context.Context, dir Dir, supervisor child) error {
	for {
		s, err := dir.readState()
		if err != nil {
			return err
		}
		if s.Phase == ready {
			return nil
		}
		select {
		case err := <-supervisor.ended:
			return didNotStart(dir, err)
		case <-ctx.Done():
			err := syscall.Kill(supervisor.pid, syscall.SIGTERM)
			<-supervisor.ended
			return errors.Join(ctx.Err(), err, dir.clear())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// didNotStart is why: what the supervisor wrote before it ended, or else the end of its log.
func didNotStart(dir Dir, ended error) error {
	s, err := dir.readState()
	if err != nil {
		return err
	}
	why := strings.Join(s.Failures, "\n")
	if why == "" {
		tail, err := env.Tail(dir.log(), 15)
		why = fmt.Sprintf("the supervisor ended: %v\n%s", errors.Join(ended, err), strings.Join(tail, "\n"))
	}
	return errors.Join(errors.New(why), dir.clear())
}
