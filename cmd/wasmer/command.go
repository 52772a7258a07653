package main

import (
	"context"

	"github.com/spf13/cobra"
)

// newCommand returns the wasmer command; run is called with complete options, so
// that the flags can be tested without a server.
func newCommand(run func(context.Context, *options) error) *cobra.Command {
	o := &options{}
	command := &cobra.Command{
		Use:           "wasmer",
		Short:         "Serve AutoWasms: admission webhook, fetcher, module server and controller",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := o.complete(); err != nil {
				return err
			}
			return run(command.Context(), o)
		},
	}
	o.bind(command.Flags())
	return command
}
