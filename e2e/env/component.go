// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
)

// A Component is a further program to run in an environment: it is watched, logged and stopped like the
// environment's own parts.
type Component struct {
	// Name is that of its log, Dir/log/<Name>.log, and what messages call it. No two that run have the same.
	Name string
	// Path is the program's, Env is added to this process's own environment, and Args makes the arguments.
	Path string
	Env  []string
	Args func(ports []int) []string
	// Ports is how many free ports on 127.0.0.1 it needs; at least one, by which the log calls it.
	Ports int
	// Ready returns nil when it answers. It has Timeout to come to that; default: Timeout.
	Ready   func(ctx context.Context, ports []int) error
	Timeout time.Duration
}

// A Launched is a component that was started. It keeps its ports over restarts.
type Launched struct {
	Ports []int

	env       *Environment
	component component
	process   *process.Process
}

// Launch starts a component at free ports and waits until it is ready; the error of one that does not become ready
// is a *ComponentError. It runs until its own Stop or the environment's.
func (e *Environment) Launch(ctx context.Context, c Component) (*Launched, error) {
	l := &Launched{env: e, component: c.internal()}
	var err error
	l.process, l.Ports, err = e.launch(ctx, l.component)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (c Component) internal() component {
	if c.Timeout == 0 {
		c.Timeout = Timeout
	}
	return component{
		name: c.Name, ports: c.Ports, timeout: c.Timeout, ready: c.Ready,
		command: func(ports []int) process.Command {
			return process.Command{Name: c.Name, Path: c.Path, Args: c.Args(ports), Env: c.Env}
		},
	}
}

// Restart starts a component that was stopped, or that died, at the ports that it had.
func (l *Launched) Restart(ctx context.Context) (err error) {
	l.env.forget(l.process)
	l.process, err = l.env.relaunch(ctx, l.component, l.Ports)
	return err
}

// Stop asks the component to end and waits until it has.
func (l *Launched) Stop() error {
	l.env.forget(l.process)
	return l.process.Stop(grace)
}

// Kill ends the component at once, as a crash would, which is not reported.
func (l *Launched) Kill() error {
	l.env.forget(l.process)
	return l.process.Kill()
}

// PID is the id of the process, which a restart changes.
func (l *Launched) PID() int { return l.process.PID() }

// Running tells whether the process has not ended.
func (l *Launched) Running() bool { return l.process.Running() }

// Done is closed when the process has ended. A restart has another.
func (l *Launched) Done() <-chan struct{} { return l.process.Done() }

// Log is the path of its log.
func (l *Launched) Log() string { return l.process.Log }

// Builder builds programs of the environment's checkout, and finds those that were built.
func (e *Environment) Builder() *build.Builder { return e.options.builder() }

// DataPath is where a component may keep a file of this name; it does not outlive the environment.
func (e *Environment) DataPath(elem ...string) string { return e.data(elem...) }

// Logf writes a line to the environment's log.
func (e *Environment) Logf(format string, args ...any) { e.logf(format, args...) }

// Loopback is the address that the parts of an environment listen on.
const Loopback = loopback

// Address is the address on this machine at which a component listens.
func Address(port int) string { return address(port) }
