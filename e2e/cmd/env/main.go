// SPDX-License-Identifier: Apache-2.0

// Command env runs the embedded environment in the background of the checkout that it is called in.
//
//	env up [flag...] [-- wasmer flag...]  start it and wait until it is ready
//	env status                            say where its parts are, and which of them died
//	env down                              stop it
//	env build [flag...]                   build what it runs, so that up is fast
//	env filters                           build the filters that tests run, and say where they are
//	env certmanager                       build cert-manager, which tests run, and say where it is
//	env flux                              build Flux's engine, which tests run, and say where it is
//	env argocd                            build Argo CD's engine, which tests run, and say where it is
//	env fluxcd                            build Flux's controllers, which tests run, and say where they are
//	env argocd-controllers                build Argo CD's controllers, which tests run, and say where they are
//	env browser                           find the browser that tests run, or bring it here, and say where it is
//
// The flags -without-wasmer, -without-mesh and -without-proxies leave parts out. It lives in .local of the checkout, or
// in the directory of the flag -dir.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/supervise"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	cancel()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "env:", err)
		os.Exit(1)
	}
}

const usage = `usage: env up [-without-wasmer] [-without-mesh] [-without-proxies] [-- wasmer flag...] | status | down | build | filters | certmanager | flux | argocd | fluxcd | argocd-controllers | browser`

// An invocation is the command line after the command.
type invocation struct {
	args    []string // as they were given
	dir     supervise.Dir
	options supervise.Options
}

// commands are those of the command line, and supervise, which up runs in the background.
var commands = map[string]func(context.Context, invocation) error{
	"up": func(ctx context.Context, i invocation) error {
		return supervise.Environment(i.options).Up(ctx, i.dir, i.args, os.Stdout)
	},
	"status": func(_ context.Context, i invocation) error {
		return supervise.Environment(i.options).Status(i.dir, os.Stdout)
	},
	"down": func(ctx context.Context, i invocation) error {
		return supervise.Environment(i.options).Down(ctx, i.dir, os.Stdout)
	},
	"build": func(ctx context.Context, i invocation) error {
		_, err := supervise.Build(ctx, i.options, os.Stdout)
		return err
	},
	"filters": func(ctx context.Context, i invocation) error {
		return supervise.Filters(ctx, i.options, os.Stdout)
	},
	"certmanager": func(ctx context.Context, i invocation) error {
		return supervise.Part(ctx, i.options, build.CertManager, os.Stdout)
	},
	"flux": func(ctx context.Context, i invocation) error {
		return supervise.Part(ctx, i.options, build.Flux, os.Stdout)
	},
	"browser": func(ctx context.Context, i invocation) error {
		return supervise.Browser(ctx, i.options, os.Stdout)
	},
	"argocd": func(ctx context.Context, i invocation) error {
		return supervise.Part(ctx, i.options, build.ArgoCD, os.Stdout)
	},
	"argocd-controllers": func(ctx context.Context, i invocation) error {
		return supervise.Part(ctx, i.options, build.ArgoCDControllers, os.Stdout)
	},
	"fluxcd": func(ctx context.Context, i invocation) (err error) {
		for _, p := range build.FluxParts() {
			err = errors.Join(err, supervise.Part(ctx, i.options, p, os.Stdout))
		}
		return err
	},
	supervise.Command: func(ctx context.Context, i invocation) error {
		return supervise.Environment(i.options).Supervise(ctx, i.dir, os.Stderr)
	},
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprintln(os.Stderr, usage)
		return flag.ErrHelp
	}
	i, err := parse(args[1:])
	if err != nil {
		return err
	}
	return commands[args[0]](ctx, i)
}

func parse(args []string) (invocation, error) {
	checkout, err := build.FindCheckout(".")
	if err != nil {
		return invocation{}, err
	}
	i := invocation{args: args, options: supervise.Options{Options: env.Options{Checkout: checkout}}}
	flags := flag.NewFlagSet("env", flag.ContinueOnError)
	dir := flags.String("dir", string(supervise.DirOf(checkout)), "directory that the environment lives in")
	flags.BoolVar(&i.options.WithoutWasmer, "without-wasmer", false, "start neither wasmer nor its webhooks, nor a mesh")
	flags.BoolVar(&i.options.WithoutMesh, "without-mesh", false, "start neither istiod nor proxies")
	flags.BoolVar(&i.options.WithoutProxies, supervise.WithoutProxies, false, "start no Envoys")
	if err := flags.Parse(args); err != nil {
		return invocation{}, err
	}
	i.options.Dir, i.options.WasmerFlags = *dir, flags.Args()
	i.dir, err = supervise.AbsoluteDir(*dir)
	return i, err
}
