// Command env runs the embedded environment in the background of the checkout that it is called in.
//
//	env up [-without-wasmer] [-- wasmer flag...]  start it and wait until it is ready
//	env status                                    say where its parts are, and which of them died
//	env down                                      stop it
//	env build [-without-wasmer]                   build what it runs, so that up is fast
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

const usage = `usage: env up [-without-wasmer] [-- wasmer flag...] | status | down | build`

// commands are those of the command line, and supervise, which up starts in the background.
var commands = map[string]func(ctx context.Context, checkout string, args []string) error{
	"up": up,
	"status": func(_ context.Context, checkout string, _ []string) error {
		return supervise.Status(supervise.DirOf(checkout), os.Stdout)
	},
	"down": func(ctx context.Context, checkout string, _ []string) error {
		return supervise.Down(ctx, supervise.DirOf(checkout), os.Stdout)
	},
	"build": func(ctx context.Context, checkout string, args []string) error {
		o, err := options(checkout, args)
		if err != nil {
			return err
		}
		o.Dir = string(supervise.DirOf(checkout)) // nothing is written to it
		_, err = env.Build(ctx, o)
		return err
	},
	"supervise": func(ctx context.Context, checkout string, args []string) error {
		o, err := options(checkout, args)
		if err != nil {
			return err
		}
		return supervise.Supervise(ctx, supervise.DirOf(checkout), o, os.Stderr)
	},
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprintln(os.Stderr, usage)
		return flag.ErrHelp
	}
	checkout, err := build.FindCheckout(".")
	if err != nil {
		return err
	}
	return commands[args[0]](ctx, checkout, args[1:])
}

// up checks the arguments, which it hands on to the supervisor.
func up(ctx context.Context, checkout string, args []string) error {
	o, err := options(checkout, args)
	if err != nil {
		return err
	}
	return supervise.Up(ctx, supervise.DirOf(checkout), o, args, os.Stdout)
}

func options(checkout string, args []string) (env.Options, error) {
	o := env.Options{Checkout: checkout}
	flags := flag.NewFlagSet("env", flag.ContinueOnError)
	flags.BoolVar(&o.WithoutWasmer, "without-wasmer", false, "start neither wasmer nor its webhooks")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.WasmerFlags = flags.Args() // those after --
	return o, nil
}
