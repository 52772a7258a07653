// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

// parts are cert-manager's programs. Each runs until its context ends.
var parts = map[string]func(ctx context.Context, kubeconfig string) error{
	"controller": runController,
	"cainjector": runInjector,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "certmanager:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || parts[args[0]] == nil {
		return fmt.Errorf("usage: certmanager controller|cainjector [flag]...")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	health := flags.String("health-address", "127.0.0.1:9403", "where to answer GET /healthz over plain HTTP")
	klog.InitFlags(flags)
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	ctrl.SetLogger(klog.Background())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return parts[args[0]](ctx, *kubeconfig) })
	group.Go(func() error { return serveHealth(ctx, *health) })
	return group.Wait()
}
