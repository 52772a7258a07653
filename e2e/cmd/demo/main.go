// SPDX-License-Identifier: Apache-2.0

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
		if err == nil || ctx.Err() != nil { // else its logs are needed
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	return play(ctx, env.Options{Dir: dir, Checkout: checkout, WasmerFlags: mesh.WasmerFlags()})
}

// play starts an environment, plays on it and stops it again. What only the proxies need is built meanwhile: it takes as
// long as everything else.
func play(ctx context.Context, o env.Options) (err error) {
	binaries, err := env.Build(ctx, o)
	if err != nil {
		return err
	}
	m, err := prepareMesh(ctx, o)
	if err != nil {
		return err
	}
	fmt.Println("Starting etcd, kube-apiserver, controllers, two registries, a web server and wasmer.")
	e, err := env.StartBuilt(ctx, o, binaries)
	if err != nil {
		return errors.Join(err, m.stop())
	}
	defer func() { err = errors.Join(err, m.stop(), e.Stop()) }()
	return (&demo.Demo{
		Variables: e.Variables(), Checkout: o.Checkout, Out: os.Stdout,
		Mesh: func(ctx context.Context) ([]env.Variable, error) { return m.start(ctx, e) },
	}).Run(ctx)
}
