// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autowasm/autowasm/e2e/process"
)

// A component is a part of the environment: how it is run at given ports, and how to see that it is ready.
type component struct {
	name    string
	ports   int // how many it needs
	timeout time.Duration
	command func(ports []int) process.Command
	ready   func(ctx context.Context, ports []int) error // nil when the part answers at these ports
}

// attempts is how often a part is started at other ports when somebody else took one first.
const attempts = 4

// launch starts a component at free ports and waits until it is ready.
func (e *Environment) launch(ctx context.Context, c component) (*process.Process, []int, error) {
	for attempt := 1; ; attempt++ {
		ports, err := freePorts(c.ports)
		if err != nil {
			return nil, nil, fmt.Errorf("start %s: %w", c.name, err)
		}
		p, err := e.launchAt(ctx, c, ports)
		if errors.Is(err, process.ErrPortTaken) && attempt < attempts {
			continue
		}
		return p, ports, err
	}
}

// relaunch starts a component at the ports that it had before. A client's connection can have taken one of them, which
// is waited for.
func (e *Environment) relaunch(ctx context.Context, c component, ports []int) (p *process.Process, err error) {
	_ = Poll(ctx, func(ctx context.Context) error {
		if p, err = e.launchAt(ctx, c, ports); errors.Is(err, process.ErrPortTaken) {
			return err
		}
		return nil // another error is final
	})
	return p, err
}

// launchAt starts a component at the given ports and waits until it is ready, after which Stop ends it. One that does
// not become ready is ended here.
func (e *Environment) launchAt(ctx context.Context, c component, ports []int) (*process.Process, error) {
	p, err := process.Start(c.command(ports), e.logDir(), e.died)
	if err != nil {
		return nil, err
	}
	// An end before it is ready is told by this error, not as a death.
	err = p.WaitReady(ctx, c.timeout, func(ctx context.Context) error { return c.ready(ctx, ports) })
	if err != nil {
		return nil, errors.Join(process.NewError(p, err), p.Kill())
	}
	e.keep(p)
	e.logf("%s is ready at %s", c.name, address(ports[0]))
	p.Watch()
	return p, nil
}
