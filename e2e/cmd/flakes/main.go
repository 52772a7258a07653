// SPDX-License-Identifier: Apache-2.0

// Command flakes runs the tests of its checkout many times, in another order each time, and fails when one of them ever
// does: the unit tests under the race detector, and the end-to-end tests, some of their runs with every core kept busy by
// something else. At its end it prints how many there were, how long they took and which failed.
//
//	flakes [-unit n] [-e2e n] [-busy n] [-p n] [-dir directory]
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
	"syscall"

	"github.com/autowasm/autowasm/e2e/build"
)

// A plan says what is run how often.
type plan struct {
	checkout  string
	dir       string // for the output of each run, as go test -json writes it
	unit, e2e int    // runs
	busy      int    // how many of the runs of e2e are on busy cores
	packages  int    // of e2e at the same time
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p, err := parse(os.Args[1:])
	if err == nil {
		err = p.run(ctx, os.Stdout)
	}
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "flakes:", err)
		os.Exit(1)
	}
}

func parse(args []string) (p plan, err error) {
	flags := flag.NewFlagSet("flakes", flag.ContinueOnError)
	flags.IntVar(&p.unit, "unit", 30, "runs of the unit tests")
	flags.IntVar(&p.e2e, "e2e", 5, "runs of the end-to-end tests")
	flags.IntVar(&p.busy, "busy", 2, "how many of them are on busy cores")
	flags.IntVar(&p.packages, "p", 4, "how many packages of the end-to-end tests run at the same time")
	flags.StringVar(&p.dir, "dir", "", "directory for the output of each run; default: bin/flakes of the checkout")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	if p.busy > p.e2e {
		return p, fmt.Errorf("-busy=%d is more than -e2e=%d", p.busy, p.e2e)
	}
	if p.checkout, err = build.FindCheckout("."); err != nil {
		return p, err
	}
	if p.dir == "" {
		p.dir = filepath.Join(p.checkout, "bin", "flakes")
	}
	return p, nil
}

// run makes all runs, prints the figures, and returns an error unless every test of every run passed.
func (p plan) run(ctx context.Context, out io.Writer) error {
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("remove the output of earlier runs: %w", err)
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of the runs' output: %w", err)
	}
	unit, e2e, busy := newTally("unit tests, race detector, shuffled"), newTally("end-to-end tests"), newTally("end-to-end tests, busy cores")
	err := p.runUnit(ctx, unit, out)
	for i := 0; i < p.e2e && err == nil; i++ {
		if i < p.busy {
			err = p.runBusy(ctx, i+1, busy, out)
		} else {
			err = p.runE2E(ctx, i+1, e2e, out)
		}
	}
	all := []*tally{unit, e2e, busy}
	printFigures(out, all)
	return errors.Join(err, verdict(all))
}
