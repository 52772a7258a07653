//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a cluster with nodes (package cluster) in the background of the checkout that it is called in.
//
//	cluster up [flag...]            start it and wait until it is ready
//	cluster status                  say where its parts are, and which of them died
//	cluster down                    stop it, and leave nothing but its logs and images
//	cluster build [flag...]         build what it runs, so that up is fast
//	cluster envoys                  download the Envoys that its tests have proxies run in place of their own
//	cluster check                   say what this machine lacks for it
//	cluster packages                print the Debian packages that are missing
//	cluster exec [--] command...    run a command with the cluster's variables, in the cluster's network; with a KUBECONFIG
//	                                that is another cluster's, run it as it is
//
// The flag -without-mesh leaves Istio out. It lives in .local/cluster of the checkout, or in the directory of the flag -dir.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/cluster"
	"github.com/autowasm/autowasm/e2e/machine"
	"github.com/autowasm/autowasm/e2e/supervise"
	"github.com/autowasm/autowasm/internal/envoy"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == machine.Command {
		exit(machine.Init(os.Args[2]))
	}
	if err := os.Setenv("PATH", os.Getenv("PATH")+":"+cluster.SystemPath); err != nil {
		exit(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	cancel()
	exit(err)
}

func exit(err error) {
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

const usage = `usage: cluster up|build [-without-mesh] | status | down | envoys | check | packages | exec [--] command...`

// An invocation is the command line after the command.
type invocation struct {
	args    []string // as they were given
	rest    []string // without the flags
	dir     supervise.Dir
	options cluster.Options
}

// commands are those of the command line, and supervise, which up runs in the background.
var commands = map[string]func(context.Context, invocation) error{
	"up": func(ctx context.Context, i invocation) error {
		if err := cluster.CheckHost(); err != nil {
			return err
		}
		return i.system().Up(ctx, i.dir, i.args, os.Stdout)
	},
	"status": func(_ context.Context, i invocation) error { return i.system().Status(i.dir, os.Stdout) },
	"down":   func(ctx context.Context, i invocation) error { return i.system().Down(ctx, i.dir, os.Stdout) },
	"build":  func(ctx context.Context, i invocation) error { return cluster.Build(ctx, i.options) },
	"envoys": downloadEnvoys,
	"check":  func(context.Context, invocation) error { return cluster.CheckHost() },
	"packages": func(context.Context, invocation) error {
		_, err := fmt.Println(strings.Join(cluster.MissingPackages(), " "))
		return err
	},
	"exec": func(_ context.Context, i invocation) error { return execute(i) },
	supervise.Command: func(ctx context.Context, i invocation) error {
		return i.system().Supervise(ctx, i.dir, os.Stderr)
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
	i := invocation{args: args, options: cluster.Options{Checkout: checkout}}
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	dir := flags.String("dir", filepath.Join(string(supervise.DirOf(checkout)), "cluster"), "directory that the cluster lives in")
	flags.BoolVar(&i.options.WithoutMesh, "without-mesh", false, "install no Istio")
	if err := flags.Parse(args); err != nil {
		return invocation{}, err
	}
	i.rest = flags.Args()
	i.dir, err = supervise.AbsoluteDir(*dir)
	i.options.Dir = string(i.dir)
	return i, err
}

func (i invocation) system() supervise.System {
	return supervise.System{
		Name: "cluster", Again: "make cluster-down && make cluster",
		Build: func(ctx context.Context, out io.Writer) ([]string, error) {
			o := i.options
			o.Log = out
			return nil, cluster.Build(ctx, o)
		},
		Start: func(ctx context.Context, s supervise.StartOptions) (supervise.Running, error) {
			o := i.options
			o.Log, o.OnFailure = s.Log, s.Died
			c, err := cluster.Start(ctx, o)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
		Clean: func(ctx context.Context, dir supervise.Dir) error { return cluster.Clean(ctx, string(dir)) },
	}
}

// downloadEnvoys brings them into the cache: a cluster's network, where its tests run, leads nowhere else.
func downloadEnvoys(ctx context.Context, i invocation) error {
	b, err := build.NewBuilder(i.options.Checkout, i.options.CacheDir, os.Stderr)
	if err != nil {
		return err
	}
	for _, v := range []envoy.Version{envoy.WithoutV8, envoy.Crashing} {
		if _, err := envoy.Pinned(ctx, b.Downloads(), v); err != nil {
			return err
		}
	}
	return nil
}
