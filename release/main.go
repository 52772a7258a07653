// SPDX-License-Identifier: Apache-2.0

// Command release makes what is given to users, of the checkout that it is run in: images of wasmer and wasmc
// (make image), archives of wasmc and the Helm chart, and the release's notes (make release). It needs Go and git, and
// no container engine.
//
// What it makes is printed on standard output, what it does meanwhile on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/autowasm/autowasm/release/attest"
	"github.com/autowasm/autowasm/release/program"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: release image|archives|notes [flag]...; see release image -help")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch command, args := args[0], args[1:]; command {
	case "image":
		return runImage(ctx, args)
	case "archives":
		return runArchives(ctx, args)
	case "notes":
		return runNotes(args)
	}
	return errUsage
}

// parse parses the arguments of a command, which takes flags alone.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

// sourceURL is the repository's, as the module path says.
const sourceURL = "https://github.com/autowasm/autowasm"

// checkout is what all is made of.
type checkout struct {
	dir     string
	from    attest.Source
	license []byte
}

func readCheckout(ctx context.Context, dir string) (*checkout, error) {
	commit, err := program.ReadCommit(ctx, dir)
	if err != nil {
		return nil, err
	}
	if commit.Modified {
		fmt.Fprintln(os.Stderr, "the checkout has changes that are not committed: what is made says so by the revision", commit)
	}
	license, err := os.ReadFile(dir + "/LICENSE")
	if err != nil {
		return nil, fmt.Errorf("read the license: %w", err)
	}
	return &checkout{dir: dir, from: attest.Source{URL: sourceURL, Commit: commit}, license: license}, nil
}

func (c *checkout) build(ctx context.Context, p program.Program, platform program.Platform, version string) (*program.Binary, error) {
	fmt.Fprintf(os.Stderr, "building %s %s for %s …\n", p.Name, version, platform)
	return program.Build(ctx, c.dir, p, platform, version)
}
