package env

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A component is a part of the environment: how it is run at given ports, and how to see that it is ready.
type component struct {
	name    string
	ports   int // how many it needs
	timeout time.Duration
	command func(ports []int) command
	ready   func(ctx context.Context, ports []int) error // nil when the part answers at these ports
}

// attempts is how often a part is started at other ports when somebody else took one first.
const attempts = 4

// errPortTaken is the reason of a part that ended because another process had its port.
var errPortTaken = errors.New("found its port taken")

// launch starts a component at free ports and waits until it is ready.
func (e *Environment) launch(ctx context.Context, c component) (*process, []int, error) {
	for attempt := 1; ; attempt++ {
		ports, err := freePorts(c.ports)
		if err != nil {
			return nil, nil, fmt.Errorf("start %s: %w", c.name, err)
		}
		p, err := e.launchAt(ctx, c, ports)
		if errors.Is(err, errPortTaken) && attempt < attempts {
			continue
		}
		return p, ports, err
	}
}

// relaunch starts a component at the ports that it had before. A client's connection can have taken one of them, which
// is waited for.
func (e *Environment) relaunch(ctx context.Context, c component, ports []int) (p *process, err error) {
	_ = Poll(ctx, func(ctx context.Context) error {
		if p, err = e.launchAt(ctx, c, ports); errors.Is(err, errPortTaken) {
			return err
		}
		return nil // another error is final
	})
	return p, err
}

// launchAt starts a component at the given ports and waits until it is ready, after which Stop ends it. One that does
// not become ready is ended here.
func (e *Environment) launchAt(ctx context.Context, c component, ports []int) (*process, error) {
	p, err := startProcess(c.command(ports), e.logDir(), e.died)
	if err != nil {
		return nil, err
	}
	// An end before it is ready is told by this error, not as a death.
	err = waitReady(ctx, p, c.timeout, func(ctx context.Context) error { return c.ready(ctx, ports) })
	if err != nil {
		return nil, errors.Join(newComponentError(p, err), p.kill())
	}
	e.keep(p)
	e.logf("%s is ready at %s", c.name, address(ports[0]))
	p.watched.Store(true)
	if !p.running() { // it ended between its answer and the line above, so that died was not called
		e.died(p)
	}
	return p, nil
}

// waitReady polls until the probe succeeds, the process ends or the time is over.
func waitReady(ctx context.Context, p *process, timeout time.Duration, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not within %s", timeout))
	defer cancel()
	err := Poll(ctx, func(ctx context.Context) error {
		err := probe(ctx)
		if !p.running() {
			cancel() // there is no use in another try
		}
		return err
	})
	switch {
	case err == nil:
		return nil
	case !p.running():
		return endedEarly(p)
	default:
		return fmt.Errorf("did not come up: %w", err)
	}
}

// endedEarly is why a process ended before it was ready.
func endedEarly(p *process) error {
	tail, err := tailFrom(p.log, p.logStart, tailLines)
	if err == nil && slices.ContainsFunc(tail, mentionsTakenPort) {
		return fmt.Errorf("%w: %w", errPortTaken, exited(p))
	}
	return fmt.Errorf("did not come up: %w", exited(p))
}

func mentionsTakenPort(line string) bool {
	return strings.Contains(strings.ToLower(line), "address already in use")
}
