// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
)

// A watch keeps the status of a proxy's Pod as a kubelet would. The zero value watches nothing.
type watch struct {
	cancel context.CancelFunc
	loop   sync.WaitGroup
}

// launch starts the proxy's process and watches it from then on.
func (p *Proxy) launch(ctx context.Context, start func() error) error {
	if err := p.Pod.proxyStarts(ctx); err != nil {
		return err
	}
	if err := start(); err != nil {
		return errors.Join(err, p.Pod.proxyIs(ctx, false, false))
	}
	p.AdminURL = "http://" + env.Address(p.Ports[0])
	r := readiness{}.probed(p.Ready(ctx) == nil)
	err := p.Pod.proxyIs(ctx, true, r.ready)
	p.startWatch(r)
	return err
}

// Restart starts a proxy that was stopped, or that died, at its former addresses.
func (p *Proxy) Restart(ctx context.Context) error {
	p.endWatch()
	return p.launch(ctx, func() error { return p.Launched.Restart(ctx) })
}

// Stop asks the proxy to end, waits until it has, and says so in its Pod's status.
func (p *Proxy) Stop() error { return p.end(p.Launched.Stop) }

// Kill ends the proxy at once, as a crash would, and says so in its Pod's status.
func (p *Proxy) Kill() error { return p.end(p.Launched.Kill) }

func (p *Proxy) end(how func() error) error {
	p.endWatch()
	err := how()
	ctx, cancel := context.WithTimeout(context.Background(), env.Timeout)
	defer cancel()
	return errors.Join(err, p.Pod.proxyIs(ctx, false, false))
}

// leave ends the proxy together with its Pod.
func (p *Proxy) leave() error {
	p.endWatch()
	return p.Launched.Stop()
}

func (p *Proxy) startWatch(r readiness) {
	ctx, cancel := context.WithCancel(context.Background())
	p.watch.cancel = cancel
	p.watch.loop.Go(func() { p.observe(ctx, r) })
}

// endWatch may be called again.
func (p *Proxy) endWatch() {
	if p.watch.cancel != nil {
		p.watch.cancel()
	}
	p.watch.loop.Wait()
}

// observe writes what becomes of the proxy into its Pod's status until the context ends. What could not be written is
// written after the next probe.
func (p *Proxy) observe(ctx context.Context, r readiness) {
	for ended := p.Done(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ended: // which a kubelet notices without a probe
			r, ended = readiness{}, nil
		case <-time.After(r.period()):
			r = r.probed(p.Ready(ctx) == nil)
		}
		if ctx.Err() != nil {
			return
		}
		running := p.Running()
		if err := p.Pod.proxyIs(ctx, running, running && r.ready); err != nil && ctx.Err() == nil {
			p.Pod.logf("%v", err)
		}
	}
}
