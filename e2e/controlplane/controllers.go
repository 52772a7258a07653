// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os/signal"
	"sync"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
)

// runControllers runs the controllers until the process is asked to end.
func runControllers(args []string) error {
	flags := flag.NewFlagSet("controllers", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	health := flags.String("health-address", "127.0.0.1:10257", "where to answer GET /healthz over plain HTTP, once the controllers run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	loops, err := build(ctx, *kubeconfig)
	if err != nil {
		return err
	}
	return run(ctx, loops, *health)
}

func build(ctx context.Context, kubeconfig string) ([]loop, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig %s: %w", kubeconfig, err)
	}
	config.QPS = -1 // the API server limits its clients itself
	m, err := newManager(config)
	if err != nil {
		return nil, err
	}
	return m.loops(ctx)
}

// run ends when ctx does and every loop has returned, or when the health server fails.
func run(ctx context.Context, loops []loop, health string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	for _, l := range loops {
		running.Go(func() { l(ctx) })
	}
	server := &http.Server{Addr: health, Handler: http.HandlerFunc(answerHealthz)}
	context.AfterFunc(ctx, func() { server.Close() })
	err := server.ListenAndServe()
	stop()
	running.Wait()
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer health checks at %s: %w", health, err)
	}
	return nil
}

func answerHealthz(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/healthz" {
		http.NotFound(w, r)
	}
}
