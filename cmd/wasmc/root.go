package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// streams are what a command reads and writes.
type streams struct {
	In  io.Reader
	Out io.Writer // results
	Err io.Writer // progress, warnings, errors
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, s streams, args []string) int {
	root := newRootCommand(s)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		fmt.Fprintln(s.Err, "wasmc: interrupted")
		return exitFailed
	}
	fmt.Fprintf(s.Err, "wasmc: %s\n", oneLine(err.Error()))
	if isUsage(err) {
		fmt.Fprintf(s.Err, "hint: see %s --help\n", command.CommandPath())
		return exitUsage
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(s.Err, "hint: %s\n", hint)
	}
	return exitFailed
}

func newRootCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:                        "wasmc",
		Short:                      "Push Wasm modules to OCI registries, pull them, and see what AutoWasm makes of them",
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       noSuchCommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		newPushCommand(s), newPullCommand(s), newInspectCommand(s), newRenderCommand(s),
		newLoginCommand(s), newLogoutCommand(s), newVersionCommand(s),
	)
	return root
}

// noSuchCommand is about what is left of the command line when no command was
// found.
func noSuchCommand(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if similar := command.SuggestionsFor(args[0]); len(similar) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(similar, " or "))
	}
	return usageError{err}
}

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

// exactly wants so many arguments, which names says.
func exactly(names ...string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return usagef("%s takes no arguments", command.Name())
		}
		return usagef("%s wants %s", command.Name(), strings.Join(names, " "))
	}
}

// oneLine keeps a message on one line, and free of what a terminal would obey,
// whatever a registry said.
func oneLine(message string) string {
	lines := strings.FieldsFunc(message, func(r rune) bool { return r == '\n' || r == '\r' })
	return printable(strings.Join(lines, " "))
}

// printable escapes what a terminal would obey.
func printable(s string) string {
	var out strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return out.String()
}
