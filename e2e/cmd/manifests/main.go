// SPDX-License-Identifier: Apache-2.0

// Command manifests writes what is made from the Helm chart: the kustomization, the chart's values.yaml and the table
// of its values. With the flag -check it writes nothing and names what is out of date.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/chart"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("manifests", flag.ContinueOnError)
	check := flags.Bool("check", false, "write nothing, and fail when a file is out of date")
	if err := flags.Parse(args); err != nil {
		return err
	}
	checkout, err := build.FindCheckout(".")
	if err != nil {
		return err
	}
	helm, remove, err := chart.Build(ctx, checkout)
	if err != nil {
		return err
	}
	defer remove()
	if !*check {
		written, err := chart.Generate(ctx, checkout, helm)
		fmt.Print(lines(written))
		return err
	}
	outdated, err := chart.Outdated(ctx, checkout, helm)
	if err == nil && len(outdated) > 0 {
		err = fmt.Errorf("out of date, run make generate:\n%s", lines(outdated))
	}
	return err
}

func lines(files []string) string {
	if len(files) == 0 {
		return ""
	}
	return strings.Join(files, "\n") + "\n"
}
