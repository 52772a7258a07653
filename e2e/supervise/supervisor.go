// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/internal/filelock"
)

// A supervisor runs a system and keeps its state file.
type supervisor struct {
	system System
	dir    Dir
	log    io.Writer

	mu    sync.Mutex
	state state
}

// Supervise runs a system in dir until ctx ends or the state file is removed. Its log goes to log, with the time.
func (s System) Supervise(ctx context.Context, dir Dir, log io.Writer) error {
	lockCtx, cancel := context.WithTimeout(ctx, env.Timeout) // who looks whether a supervisor runs has it for a moment
	defer cancel()
	release, err := filelock.Acquire(lockCtx, dir.lock())
	if err != nil {
		return fmt.Errorf("make sure that no other supervisor runs: %w", err)
	}
	defer release()
	v := &supervisor{
		system: s, dir: dir, log: stamped{log}, state: state{PID: os.Getpid(), Since: time.Now(), Phase: starting},
	}
	if err := v.update(func(*state) {}); err != nil {
		return err
	}
	return v.run(ctx)
}

func (s *supervisor) run(ctx context.Context) error {
	r, err := s.system.Start(ctx, StartOptions{Dir: s.dir, Log: s.log, Died: s.died})
	if err != nil {
		return errors.Join(err, s.update(func(st *state) {
			st.Phase, st.Failures = failed, []string{err.Error()}
		}))
	}
	err = s.publish(r)
	if err == nil {
		s.wait(ctx)
	}
	fmt.Fprintln(s.log, "stopping")
	return errors.Join(err, r.Stop())
}

// publish makes it known that the system is ready, the variables first.
func (s *supervisor) publish(r Running) error {
	if err := env.WriteVariables(s.dir.variables(), r.Variables()); err != nil {
		return err
	}
	return s.update(func(st *state) { st.Phase = ready })
}

// wait returns when the system is to end.
func (s *supervisor) wait(ctx context.Context) {
	every := time.NewTicker(2 * time.Second)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if _, err := os.Stat(s.dir.state()); errors.Is(err, os.ErrNotExist) {
			return
		}
	}
}

// died records the death of a part. Its line in the log is written by the system.
func (s *supervisor) died(failure *process.Error) {
	// An error is one of the disk, which everything else suffers from, too.
	_ = s.update(func(st *state) { st.Failures = append(st.Failures, failure.Error()) })
}

// update changes the state and writes it.
func (s *supervisor) update(change func(*state)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.state)
	return s.dir.writeState(s.state)
}

// stamped puts the time before what is written to it.
type stamped struct{ w io.Writer }

func (s stamped) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(s.w, "%s %s", time.Now().Format(time.RFC3339), p); err != nil {
		return 0, err
	}
	return len(p), nil
}
