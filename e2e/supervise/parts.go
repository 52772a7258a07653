// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/autowasm/autowasm/e2e/browser"
	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/mesh"
)

// Options say what runs in the background.
type Options struct {
	env.Options
	// WithoutMesh starts neither istiod nor proxies, as an environment without wasmer does, too.
	WithoutMesh bool
	// WithoutProxies starts istiod alone. Build sets it where no Envoy can be had.
	WithoutProxies bool
}

// WithoutProxies is the flag by which a supervisor is told Options.WithoutProxies.
const WithoutProxies = "without-proxies"

func (o Options) meshed() bool { return !o.WithoutMesh && !o.WithoutWasmer }

// Build builds and downloads what these options start, and returns them as they can be had: where there is no Envoy,
// it says so on out and leaves the proxies out.
func Build(ctx context.Context, o Options, out io.Writer) (Options, error) {
	if _, err := env.Build(ctx, o.Options); err != nil || !o.meshed() {
		return o, err
	}
	b, err := o.Builder()
	if err != nil {
		return o, err
	}
	prepared, err := mesh.Prepare(ctx, b, mesh.Options{WithoutProxies: o.WithoutProxies}, out)
	o.WithoutProxies = prepared.WithoutProxies
	return o, err
}

// Filters builds the filters that tests run and prints their files. bin/filters of the checkout leads to them.
func Filters(ctx context.Context, o Options, out io.Writer) error {
	b, err := o.Builder()
	if err != nil {
		return err
	}
	dir, err := b.Filters(ctx)
	if err != nil {
		return err
	}
	if _, err = b.Link("filters", dir); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		fmt.Fprintln(out, file)
	}
	return err
}

// Browser prints the path of the browser that tests run, which is brought here when this machine has none.
func Browser(ctx context.Context, o Options, out io.Writer) error {
	b, err := o.Builder()
	if err != nil {
		return err
	}
	program, err := browser.Find(ctx, b)
	if err == nil {
		fmt.Fprintln(out, program.Path)
	}
	return err
}

// Part builds a part that tests run, and prints its path.
func Part(ctx context.Context, o Options, p build.Part, out io.Writer) error {
	b, err := o.Builder()
	if err != nil {
		return err
	}
	path, err := b.Part(ctx, p)
	if err == nil {
		fmt.Fprintln(out, path)
	}
	return err
}

// Environment is the system of these options.
func Environment(o Options) System {
	return System{
		Name: "environment", Again: "make down && make up",
		Build: func(ctx context.Context, out io.Writer) ([]string, error) {
			built, err := Build(ctx, o, out)
			if err != nil || !built.WithoutProxies {
				return nil, err
			}
			return []string{"-" + WithoutProxies}, nil // the supervisor need not look for one again
		},
		Start: func(ctx context.Context, s StartOptions) (Running, error) {
			o.Dir, o.Log, o.OnFailure = string(s.Dir), s.Log, s.Died
			return startParts(ctx, o)
		},
	}
}

// parts are what the supervisor of an environment runs.
type parts struct {
	env  *env.Environment
	mesh *mesh.Mesh // nil when there is none
}

// startParts starts everything or nothing.
func startParts(ctx context.Context, o Options) (p parts, err error) {
	if o.meshed() {
		o.WasmerFlags = slices.Concat(mesh.WasmerFlags(), o.WasmerFlags)
	}
	if p.env, err = env.Start(ctx, o.Options); err != nil || !o.meshed() {
		return p, err
	}
	p.mesh, err = mesh.Start(ctx, p.env, mesh.Options{WithoutProxies: o.WithoutProxies})
	if err != nil {
		return parts{}, errors.Join(err, p.env.Stop())
	}
	return p, nil
}

// Variables are those of all parts.
func (p parts) Variables() []env.Variable {
	if p.mesh == nil {
		return p.env.Variables()
	}
	return append(p.mesh.Variables(), p.env.Variables()...)
}

// Stop ends them, the last started first.
func (p parts) Stop() error {
	if p.mesh == nil {
		return p.env.Stop()
	}
	return errors.Join(p.mesh.Stop(), p.env.Stop())
}
