package env

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

// A command says how a part is run.
type command struct {
	name string // of the part, and of its log
	path string
	args []string
	env  []string // added to this process's own
}

// A process is a part that runs as a child of this process. The goroutine that started it waits for it.
type process struct {
	name     string
	log      string // path
	logStart int64  // where in the log its own output begins
	pid      int
	done     chan struct{} // closed when the process has ended and err is set
	err      error
	watched  atomic.Bool // it is not meant to end
	reported sync.Once   // its death
}

// startProcess starts a part with its output appended to <logDir>/<name>.log. died is called, from the goroutine
// that owns the process, when it ends while it is watched; it may be nil.
func startProcess(c command, logDir string, died func(*process)) (*process, error) {
	p := &process{name: c.name, log: filepath.Join(logDir, c.name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", c.name, err)
	}
	if info, err := log.Stat(); err == nil {
		p.logStart = info.Size()
	}
	cmd := exec.Command(c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownProcessGroup()
	started := make(chan error)
	go p.own(cmd, log, started, died)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return p, nil
}

// own starts the command and waits for it, on one operating system thread: a child that is to die with its parent
// (see ownProcessGroup) dies, on Linux, with the thread that started it.
func (p *process) own(cmd *exec.Cmd, log *os.File, started chan<- error, died func(*process)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer log.Close()
	if err := cmd.Start(); err != nil {
		p.err = err
		close(p.done)
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	p.err = cmd.Wait()
	close(p.done)
	if died != nil && p.watched.Load() {
		died(p)
	}
}

// stop asks the process and its children to end, insists after the grace period, and returns when they have.
func (p *process) stop(grace time.Duration) error {
	p.watched.Store(false)
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	if err := p.kill(); err != nil {
		return err
	}
	return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.name, grace)
}

// kill ends the process at once, as a crash would, and returns when it is gone.
func (p *process) kill() error {
	p.watched.Store(false)
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// signal sends to the process group, unless the process has been waited for: its id may then be another's.
func (p *process) signal(s syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := syscall.Kill(-p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to %s: %w", s, p.name, err)
	}
	return nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}
