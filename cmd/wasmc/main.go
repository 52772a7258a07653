// SPDX-License-Identifier: Apache-2.0

// Command wasmc is the client of AutoWasm. Like docker, it pushes modules to OCI registries and pulls them; it also
// shows what an image or a file holds, which EnvoyFilter the server would make of an AutoWasm, and what has become of
// those in a cluster, writes and builds filters, runs test cases through one, and runs one in an Envoy of its own.
//
// Results go to standard output, all else to standard error. The exit code is 1 for a failure, 2 for wrong usage or a test
// that could not run, and 3 for a migration of which something cannot be mapped.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	// The image holds no file of certificate authorities. Those of the system have precedence.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	// exitIncomplete is that of a migration of which something cannot be mapped.
	exitIncomplete = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	code := run(ctx, streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, nameOf(os.Args[0]), os.Args[1:])
	stop()
	os.Exit(code)
}

// streams are what a command reads and writes.
type streams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // progress, warnings, errors
}

// plainName is what wasmc is called by itself.
const plainName = "wasmc"

// nameOf returns what a user writes to call a program: that of a plugin of kubectl is "kubectl wasmc".
func nameOf(executable string) string {
	base := strings.TrimSuffix(filepath.Base(executable), ".exe")
	if command, ok := strings.CutPrefix(base, "kubectl-"); ok {
		return "kubectl " + strings.ReplaceAll(command, "_", "-")
	}
	return plainName
}

// run executes the command line and returns the exit code. Usage, examples and hints have name for wasmc.
func run(ctx context.Context, s streams, name string, args []string) int {
	root := newRootCommand(s, name)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(s.Err, "wasmc: interrupted")
		return exitFailed
	default:
		return printError(s.Err, command, err)
	}
}

func newRootCommand(s streams, name string) *cobra.Command {
	printVersion := false
	root := &cobra.Command{
		Use:                        plainName,
		Annotations:                map[string]string{cobra.CommandDisplayNameAnnotation: name},
		Short:                      "Push Wasm modules to OCI registries, pull them, and see what AutoWasm makes of them",
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       noSuchCommand,
		SuggestionsMinimumDistance: 2,
		RunE: func(command *cobra.Command, _ []string) error {
			if printVersion {
				_, err := fmt.Fprintln(s.Out, versionLine())
				return err
			}
			return command.Help()
		},
	}
	// Not cobra's own flag: with a template of ours, the linker would keep every method of every type, a fifth of wasmc.
	root.Flags().BoolVar(&printVersion, "version", false, "print the version")
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newPushCommand(s), newPullCommand(s), newInspectCommand(s), newExplainCommand(s), newRenderCommand(s), newMigrateCommand(s),
		newStatusCommand(s), newTestCommand(s), newInitCommand(s), newCheckCommand(s), newBuildCommand(s),
		newRunCommand(s), newSuperviseCommand(s),
		newLoginCommand(s), newLogoutCommand(s), newVersionCommand(s),
	)
	for _, command := range root.Commands() {
		command.Example = strings.ReplaceAll(command.Example, plainName+" ", name+" ")
	}
	return root
}

// noSuchCommand is the error about arguments that name no command.
func noSuchCommand(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if similar := command.SuggestionsFor(args[0]); len(similar) > 0 {
		return usagef("unknown command %q; did you mean %s?", args[0], strings.Join(similar, " or "))
	}
	return usagef("unknown command %q", args[0])
}

// atMost allows no more arguments than there are names.
func atMost(names ...string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return usagef("%s takes at most %s", command.Name(), strings.Join(names, " "))
		}
		return nil
	}
}

// exactly requires as many arguments as there are names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		switch {
		case len(args) == len(names):
			return nil
		case len(names) == 0:
			return usagef("%s takes no arguments", command.Name())
		default:
			return usagef("%s wants %s", command.Name(), strings.Join(names, " "))
		}
	}
}
