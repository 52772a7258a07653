// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Command says how a part is run.
type Command struct {
	Name string // of the part, and of its log
	Path string
	Args []string
	Env  []string // added to this process's own
	// Enter, if it is set, is called on the thread that starts the part, and only on that one: it may enter namespaces, and
	// the thread ends with the part.
	Enter func() error
	// Attributes, if it is set, changes those that a part has by default.
	Attributes func(*syscall.SysProcAttr)
}

// A Process is a part that runs as a child of this process. The goroutine that started it waits for it.
type Process struct {
	Name string
	Log  string // path

	logStart int64 // where in the log its own output begins
	pid      int
	done     chan struct{} // closed when the process has ended and err is set
	err      error
	died     func(*Process)
	watched  atomic.Bool // it is not meant to end
	reported sync.Once   // its death
}

// Start starts a part with its output appended to <logDir>/<name>.log. died is called once, from a goroutine of the
// process, when it ends while it is watched (see Watch); it may be nil.
func Start(c Command, logDir string, died func(*Process)) (*Process, error) {
	p := &Process{Name: c.Name, Log: filepath.Join(logDir, c.Name+".log"), done: make(chan struct{}), died: died}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", c.Name, err)
	}
	if info, err := log.Stat(); err == nil {
		p.logStart = info.Size()
	}
	started := make(chan error)
	go p.own(c, log, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

func (c Command) cmd(log *os.File) *exec.Cmd {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownProcessGroup()
	if c.Attributes != nil {
		c.Attributes(cmd.SysProcAttr)
	}
	return cmd
}

// own starts the command and waits for it, on one operating system thread: a child that is to die with its parent
// (see ownProcessGroup) dies, on Linux, with the thread that started it. A thread that entered namespaces is not
// unlocked, so that it ends and nothing else runs on it.
func (p *Process) own(c Command, log *os.File, started chan<- error) {
	runtime.LockOSThread()
	if c.Enter == nil {
		defer runtime.UnlockOSThread()
	}
	defer log.Close()
	cmd := c.cmd(log)
	if err := start(c, cmd); err != nil {
		p.err = err
		close(p.done)
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	p.err = cmd.Wait()
	close(p.done)
	if p.watched.Load() {
		p.report()
	}
}

func start(c Command, cmd *exec.Cmd) error {
	if c.Enter != nil {
		if err := c.Enter(); err != nil {
			return err
		}
	}
	return cmd.Start()
}

// Watch has the end of the process count as its death from now on, until Stop or Kill. One that has ended already has
// died.
func (p *Process) Watch() {
	p.watched.Store(true)
	if !p.Running() {
		p.report()
	}
}

// Unwatch has the end of the process count as wanted from now on.
func (p *Process) Unwatch() { p.watched.Store(false) }

func (p *Process) report() {
	if p.died != nil {
		p.reported.Do(func() { p.died(p) })
	}
}

// Stop asks the process and its children to end, insists after the grace period, and returns when they have.
func (p *Process) Stop(grace time.Duration) error {
	p.Unwatch()
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	if err := p.Kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.Name, grace)
}

// Kill ends the process at once, as a crash would, and returns when it is gone.
func (p *Process) Kill() error {
	p.Unwatch()
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// signal sends to the process group, unless the process has been waited for: its id may then be another's.
func (p *Process) signal(s syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	if err := syscall.Kill(-p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to %s: %w", s, p.Name, err)
	}
	return nil
}

// Running tells whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the id of the process.
func (p *Process) PID() int { return p.pid }
