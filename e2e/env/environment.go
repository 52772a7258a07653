// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/autowasm/autowasm/e2e/process"
)

// An Environment is a running cluster on this machine. Its exported fields are set by Start and do not change.
type Environment struct {
	Dir        string
	Kubeconfig string       // path of a kubeconfig of a cluster administrator
	RESTConfig *rest.Config // the same, without client-side rate limits

	Registry                string // host:port of the registry that everybody may use, over plain HTTP
	PrivateRegistry         string // host:port of the registry that asks for a password, over plain HTTP
	PrivateRegistryUsername string
	PrivateRegistryPassword string

	ObjectsURL string // of the web server that serves ObjectsDir, without a slash at the end
	ObjectsDir string // files put here are served at once

	WasmerURL        string // base URL of wasmer's module server; "" before wasmer's first start
	WasmerMetricsURL string // of wasmer's metrics page; "" before wasmer's first start

	options  Options
	binaries Binaries
	creds    credentials
	etcdURL  string
	apiURL   string
	objects  *fileServer
	wasmer   *Wasmer

	mu        sync.Mutex
	processes []*process.Process // in the order of their start
	failures  []*ComponentError
}

// grace is how long a part may take to end before it is killed, which is an error.
const grace = time.Minute

// Start builds what is missing and starts an environment as StartBuilt does.
func Start(ctx context.Context, o Options) (*Environment, error) {
	binaries, err := Build(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("build the environment's parts: %w", err)
	}
	return StartBuilt(ctx, o, binaries)
}

// StartBuilt starts an environment of these options from what Build returned for them. ctx bounds the start only: the
// environment runs until Stop. When a part does not come up, everything is stopped again and the error, a
// *ComponentError, says which.
func StartBuilt(ctx context.Context, o Options, binaries Binaries) (*Environment, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	e := &Environment{Dir: o.Dir, options: o, binaries: binaries}
	e.wasmer = e.NewWasmer("wasmer")
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the environment: %w", err), e.Stop())
	}
	return e, nil
}

// start brings the parts up in the order of their needs. The controllers come after the CRDs: they look
// for new kinds every half minute only, and would until then collect no garbage of theirs.
func (e *Environment) start(ctx context.Context) error {
	steps := []func(context.Context) error{
		e.makeDirs, e.makeCredentials, e.startEtcd, e.startAPIServer, e.applyCRDs, e.applyRBAC,
		e.writeIstiodToken, e.startControllers, e.startRegistries, e.startObjects,
	}
	if !e.options.WithoutWasmer {
		steps = append(steps, func(ctx context.Context) error { return e.StartWasmer(ctx) })
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *Environment) makeDirs(context.Context) error {
	if err := os.RemoveAll(e.dataDir()); err != nil {
		return fmt.Errorf("clear what an earlier environment left: %w", err)
	}
	for _, dir := range []string{e.logDir(), e.dataDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make the environment's directories: %w", err)
		}
	}
	return nil
}

func (e *Environment) logDir() string { return filepath.Join(e.Dir, "log") }

// dataDir holds what the parts write; nothing in it outlives the environment.
func (e *Environment) dataDir() string { return filepath.Join(e.Dir, "data") }

func (e *Environment) data(elem ...string) string {
	return filepath.Join(append([]string{e.dataDir()}, elem...)...)
}

// Stop ends every part, the last started first, and returns what went wrong: an error means that a part had to be
// killed. It may be called again.
func (e *Environment) Stop() error {
	var errs []error
	if e.objects != nil {
		errs = append(errs, e.objects.close())
	}
	for _, p := range slices.Backward(e.take()) {
		errs = append(errs, p.Stop(grace))
	}
	return errors.Join(errs...)
}

// Err is nil while no part has died, and else says which did.
func (e *Environment) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, f := range e.failures {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// keep makes a process one that Stop ends.
func (e *Environment) keep(p *process.Process) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.processes = append(e.processes, p)
}

func (e *Environment) forget(p *process.Process) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.processes = slices.DeleteFunc(e.processes, func(q *process.Process) bool { return p == q })
}

func (e *Environment) take() []*process.Process {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := e.processes
	e.processes = nil
	return all
}

// died records the end of a process that nobody asked to end.
func (e *Environment) died(p *process.Process) {
	failure := process.NewError(p, process.Exited(p))
	fmt.Fprintln(e.options.Log, failure)
	e.mu.Lock()
	e.failures = append(e.failures, failure)
	e.mu.Unlock()
	if e.options.OnFailure != nil {
		e.options.OnFailure(failure)
	}
}

// logf writes a line to the environment's log.
func (e *Environment) logf(format string, args ...any) {
	fmt.Fprintf(e.options.Log, format+"\n", args...)
}

// Binaries returns the paths of the programs that the environment runs, or that a test runs against it.
func (e *Environment) Binaries() Binaries { return e.binaries }
