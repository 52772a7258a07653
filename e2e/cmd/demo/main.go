// Command demo plays the tutorial on an embedded environment of its own, and
// stops it again.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/demo"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/mesh"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if filepath.Base(os.Args[0]) == "curl" {
		err = curl(ctx, os.Args, os.Stdout)
	} else {
		err = run(ctx)
	}
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	checkout, err := build.FindCheckout(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "autowasm-demo-env-")
	if err != nil {
		return fmt.Errorf("make the environment's directory: %w", err)
	}
	defer func() {
		if err == nil || ctx.Err() != nil { // else its logs tell why
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	options := env.Options{Dir: dir, Checkout: checkout, WasmerFlags: mesh.WasmerFlags()}
	of, err := prepareMesh(ctx, options)
	if err != nil {
		return err
	}
	e, err := env.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	m, err := mesh.Start(ctx, e, of)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Stop()) }()
	variables := append(m.Variables(), e.Variables()...)
	return (&demo.Demo{Variables: variables, Checkout: checkout, Out: os.Stdout}).Run(ctx)
}

// prepareMesh builds what a mesh on an environment takes beside it, and tells what the mesh can have.
func prepareMesh(ctx context.Context, o env.Options) (mesh.Options, error) {
	b, err := o.Builder()
	if err != nil {
		return mesh.Options{}, err
	}
	of, err := mesh.Prepare(ctx, b, mesh.Options{}, os.Stdout)
	if err == nil {
		fmt.Println("Starting etcd, kube-apiserver, controllers, two registries, a web server, wasmer and an Istio mesh.")
	}
	return of, err
}
