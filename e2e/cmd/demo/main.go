// Command demo plays the tutorial on an embedded environment of its own, and
// stops it again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/demo"
	"github.com/autowasm/autowasm/e2e/env"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	play := run
	if filepath.Base(os.Args[0]) == "curl" {
		play = curl
	}
	err := play(ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// curl prints what its last argument, a URL, answers: all that the demo asks of
// curl on a machine that has none.
func curl(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Args[len(os.Args)-1], nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
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
	fmt.Println("Starting etcd, kube-apiserver, controllers, two registries, a web server and wasmer.")
	e, err := env.Start(ctx, env.Options{Dir: dir, Checkout: checkout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Stop(), os.RemoveAll(dir)) }()
	return (&demo.Demo{Environment: e, Checkout: checkout, Out: os.Stdout}).Run(ctx)
}
