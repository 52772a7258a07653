// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/e2e/process"
)

// A Wasmer is one replica of the server. Its addresses stay the same over restarts.
type Wasmer struct {
	Name       string
	URL        string // base URL of the module server
	MetricsURL string // of the metrics page
	HealthURL  string // base URL of /healthz and /readyz
	WebhookURL string // base URL of the webhooks
	WebURL     string // of the page

	env     *Environment
	ports   []int
	flags   []string         // of the last start, beyond the environment's own
	process *process.Process // nil before the first start
}

// The ports of a replica by their place.
const (
	modulePort = iota
	metricsPort
	healthPort
	webhookPort
	webPort
	wasmerPorts
)

// NewWasmer prepares a replica beside the environment's own, with a store of its own. The webhook configurations
// point at the replica that started last, unless its flags say otherwise. Stop of the environment stops it.
func (e *Environment) NewWasmer(name string) *Wasmer { return &Wasmer{Name: name, env: e} }

// StartWasmer applies manifests/webhook and starts the environment's own replica. The flags come after
// Options.WasmerFlags and the environment's own, and override them: "--webhook=false", "--stage=false".
func (e *Environment) StartWasmer(ctx context.Context, flags ...string) error {
	if webhookWanted(slices.Concat(e.options.WasmerFlags, flags)) {
		if err := e.ApplyManifests(ctx, "webhook"); err != nil {
			return err
		}
	}
	if err := e.wasmer.Start(ctx, flags...); err != nil {
		return err
	}
	e.WasmerURL, e.WasmerMetricsURL = e.wasmer.URL, e.wasmer.MetricsURL
	return nil
}

// StopWasmer stops the environment's own replica as a cluster would.
func (e *Environment) StopWasmer() error { return e.wasmer.Stop() }

// RestartWasmer stops the environment's own replica and starts it with the flags of its last start.
func (e *Environment) RestartWasmer(ctx context.Context) error {
	if err := e.StopWasmer(); err != nil {
		return err
	}
	return e.wasmer.Start(ctx, e.wasmer.flags...)
}

// Wasmer is the environment's own replica.
func (e *Environment) Wasmer() *Wasmer { return e.wasmer }

// Start starts the replica and waits until it is ready and, unless it runs without, its webhooks are called.
func (w *Wasmer) Start(ctx context.Context, flags ...string) error {
	if err := w.start(ctx, wasmerReady, flags); err != nil {
		return err
	}
	return w.waitForWebhooks(ctx)
}

// StartUnready starts the replica and waits until it lives, for one that lacks what it needs to become ready.
func (w *Wasmer) StartUnready(ctx context.Context, flags ...string) error {
	return w.start(ctx, wasmerLives, flags)
}

// WaitReady waits for what Start waits for.
func (w *Wasmer) WaitReady(ctx context.Context) error {
	if err := Poll(ctx, func(ctx context.Context) error { return wasmerReady(ctx, w.ports) }); err != nil {
		return fmt.Errorf("wait until %s is ready: %w", w.Name, err)
	}
	return w.waitForWebhooks(ctx)
}

// Log is the path of the replica's log.
func (w *Wasmer) Log() string { return w.process.Log }

func (w *Wasmer) start(ctx context.Context, until func(context.Context, []int) error, flags []string) error {
	if w.process != nil && w.process.Running() {
		return fmt.Errorf("%s is running", w.Name)
	}
	if err := w.build(ctx); err != nil {
		return err
	}
	w.flags = flags
	return w.launch(ctx, until)
}

func (w *Wasmer) waitForWebhooks(ctx context.Context) error {
	if !webhookWanted(w.allFlags()) {
		return nil
	}
	return w.env.waitForWebhooks(ctx)
}

// build builds wasmer when the environment was started without it.
func (w *Wasmer) build(ctx context.Context) error {
	if w.env.binaries.Wasmer != "" {
		return nil
	}
	return w.env.binaries.buildProduct(ctx, w.env.options.builder())
}

// launch chooses ports the first time and keeps to them afterwards.
func (w *Wasmer) launch(ctx context.Context, until func(context.Context, []int) error) (err error) {
	c := component{name: w.Name, ports: wasmerPorts, timeout: Timeout, command: w.command, ready: until}
	if w.ports == nil {
		w.process, w.ports, err = w.env.launch(ctx, c)
		w.setURLs()
		return err
	}
	w.process, err = w.env.relaunch(ctx, c, w.ports)
	return err
}

func wasmerLives(ctx context.Context, ports []int) error {
	return Probe(ctx, "http://"+address(ports[healthPort])+"/healthz")
}

// wasmerReady asks the module server, too, so that its URL answers from the first moment.
func wasmerReady(ctx context.Context, ports []int) error {
	if err := Probe(ctx, "http://"+address(ports[healthPort])+"/readyz"); err != nil {
		return err
	}
	return Probe(ctx, "http://"+address(ports[modulePort])+"/healthz")
}

func (w *Wasmer) setURLs() {
	if w.ports == nil {
		return
	}
	w.URL = "http://" + address(w.ports[modulePort])
	w.MetricsURL = "http://" + address(w.ports[metricsPort]) + "/metrics"
	w.HealthURL = "http://" + address(w.ports[healthPort])
	w.WebhookURL = "https://" + address(w.ports[webhookPort])
	w.WebURL = "http://" + address(w.ports[webPort])
}

// command gives wasmer what differs from a cluster: where it listens, and that its registries, its API server and
// the proxies of its modules are on this machine; and it serves the page. Everything else stays at its default.
func (w *Wasmer) command(ports []int) process.Command {
	e := w.env
	args := []string{
		"--namespace=" + wasmerNamespace,
		"--store-dir=" + e.data(w.Name, "store"),
		"--module-address=" + address(ports[modulePort]),
		"--metrics-address=" + address(ports[metricsPort]),
		"--health-address=" + address(ports[healthPort]),
		"--web-address=" + address(ports[webPort]),
		"--webhook-host=" + loopback, fmt.Sprintf("--webhook-port=%d", ports[webhookPort]),
		"--webhook-url=https://" + address(ports[webhookPort]),
		"--webhook-client-ca=" + e.data(webhookClientCA),
		"--base-url=http://" + address(ports[modulePort]),
		"--allow-loopback", "--plain-http-hosts=" + e.Registry + "," + e.PrivateRegistry,
		"--shutdown-delay=0s", "--istiod-token-file=" + e.IstiodTokenFile(),
		"--istiod-ca-file=" + e.IstiodCAFile(),
	}
	return process.Command{
		Name: w.Name, Path: e.binaries.Wasmer, Args: append(args, w.allFlags()...),
		Env: []string{"KUBECONFIG=" + e.wasmerKubeconfig()},
	}
}

func (w *Wasmer) allFlags() []string { return slices.Concat(w.env.options.WasmerFlags, w.flags) }

// Stop asks the replica to end and waits until it has.
func (w *Wasmer) Stop() error { return w.end(func(p *process.Process) error { return p.Stop(grace) }) }

// Kill ends the replica at once, as a crash would. Until its lease ends, after 15 seconds, nobody leads.
func (w *Wasmer) Kill() error { return w.end((*process.Process).Kill) }

func (w *Wasmer) end(how func(*process.Process) error) error {
	if w.process == nil {
		return nil
	}
	w.env.forget(w.process)
	return how(w.process)
}

// webhookWanted tells whether flags leave wasmer's webhooks on.
func webhookWanted(flags []string) bool {
	wanted := true
	for _, flag := range flags {
		if name, value, _ := strings.Cut(strings.TrimLeft(flag, "-"), "="); name == "webhook" {
			wanted = value != "false"
		}
	}
	return wanted
}
