//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/autowasm/autowasm/e2e/machine"
	"github.com/autowasm/autowasm/e2e/process"
)

// A Cluster is a running one.
type Cluster struct {
	Dir        string
	Kubeconfig string // path of a kubeconfig of a cluster administrator

	options  Options
	binaries binaries
	control  *machine.Machine
	nodes    []*machine.Machine // as nodeNets
	client   kubernetes.Interface
	images   images
	began    time.Time

	mu        sync.Mutex
	processes []*process.Process
}

// Start builds what is missing and starts a cluster. ctx bounds the start only: the cluster runs until Stop. When a part
// does not come up, everything is stopped again and the error says which.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := CheckHost(); err != nil {
		return nil, err
	}
	c := &Cluster{Dir: o.Dir, Kubeconfig: filepath.Join(o.Dir, "kubeconfig"), options: o}
	if c.binaries, err = buildAll(ctx, o); err != nil {
		return nil, fmt.Errorf("build the cluster's parts: %w", err)
	}
	c.began = time.Now()
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the cluster: %w", err), c.Stop())
	}
	return c, nil
}

// start brings the parts up in the order of their needs.
func (c *Cluster) start(ctx context.Context) error {
	steps := []func(context.Context) error{
		c.makeDirs, c.startMachines, c.link, c.makeCredentials, c.startRegistries,
		func(ctx context.Context) error { return together(ctx, c.pushImages, c.startControlPlane) },
		c.makeCgroups, c.startNodes, c.installDNS,
	}
	if !c.options.WithoutMesh {
		steps = append(steps, c.installIstio, c.installGateway, c.writeInstall)
	}
	for _, step := range append(steps, c.waitForDNS, c.writeCommands) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// together runs functions at the same time and waits for all of them. The first error ends the context of the others.
func together(ctx context.Context, fns ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, fn := range fns {
		group.Go(func() error { return fn(ctx) })
	}
	return group.Wait()
}

func (c *Cluster) makeDirs(ctx context.Context) error {
	if err := Clean(ctx, c.Dir); err != nil {
		return err
	}
	for _, dir := range []string{c.logDir(), c.data()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the cluster's directories: %w", err)
		}
	}
	return nil
}

// Clean removes what is left in a directory, and on this machine, of a cluster that was killed.
func Clean(ctx context.Context, dir string) error {
	if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
		return fmt.Errorf("clear what an earlier cluster left: %w", err)
	}
	return removeCgroups(ctx, dir)
}

func (c *Cluster) logDir() string { return filepath.Join(c.Dir, "log") }

// data is a path in the directory that does not outlive the cluster.
func (c *Cluster) data(elem ...string) string {
	return filepath.Join(append([]string{c.Dir, "data"}, elem...)...)
}

// startMachines starts control and the nodes.
func (c *Cluster) startMachines(ctx context.Context) (err error) {
	if c.control, err = machine.Start(ctx, c.machineOptions("control")); err != nil {
		return err
	}
	for _, n := range nodeNets {
		o := c.machineOptions(n.name)
		o.Mounts, o.Sysctls = nodeMounts(o.Dir), kubeletSysctls
		node, err := machine.Start(ctx, o)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, node)
	}
	return nil
}

func (c *Cluster) machineOptions(name string) machine.Options {
	return machine.Options{
		Name: name, Dir: c.data(name), LogDir: c.logDir(), Died: c.died,
		Keep: []string{c.options.Checkout, c.options.CacheDir, c.Dir},
	}
}

// run starts a part on a machine and waits until it is ready.
func (c *Cluster) run(ctx context.Context, m *machine.Machine, command process.Command, ready func(context.Context) error) error {
	p, err := m.Start(command, c.died)
	if err != nil {
		return err
	}
	if err := p.WaitReady(ctx, process.Timeout, ready); err != nil {
		return errors.Join(process.NewError(p, err), p.Kill())
	}
	c.mu.Lock()
	c.processes = append(c.processes, p)
	c.mu.Unlock()
	p.Watch()
	c.logf("%s is ready", command.Name)
	return nil
}

// died reports the end of a process that nobody asked to end.
func (c *Cluster) died(p *process.Process) {
	failure := process.NewError(p, process.Exited(p))
	fmt.Fprintln(c.options.Log, failure)
	if c.options.OnFailure != nil {
		c.options.OnFailure(failure)
	}
}

// logf writes a line to the cluster's log, with the seconds since the start.
func (c *Cluster) logf(format string, args ...any) {
	fmt.Fprintf(c.options.Log, "%5.1fs "+format+"\n", append([]any{time.Since(c.began).Seconds()}, args...)...)
}

// Stop ends the cluster at once, with all that runs in it, and removes what it had on this machine: nothing of it is
// to be kept, so that nothing need be asked to end.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	for _, p := range c.processes {
		p.Unwatch()
	}
	c.mu.Unlock()
	var errs []error
	for _, m := range append(c.nodes, c.control) {
		if m != nil {
			errs = append(errs, m.Stop())
		}
	}
	return errors.Join(append(errs, removeCgroups(context.Background(), c.Dir))...)
}
