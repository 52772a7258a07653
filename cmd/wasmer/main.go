// SPDX-License-Identifier: Apache-2.0

// Command wasmer is the server of AutoWasm: an admission webhook that defaults and validates AutoWasms and generates
// their EnvoyFilters, a fetcher that brings Wasm modules into a store, an HTTP server from which Envoy loads them,
// and a controller that keeps all of it converged.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	// The image holds no file of certificate authorities.
	_ "golang.org/x/crypto/x509roots/fallback"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/autowasm/autowasm/trial"
)

// version is set by the linker.
var version = "dev"

func main() {
	if len(os.Args) == 2 && os.Args[1] == trial.Argument {
		tryModule()
		return
	}
	command := newCommand(run)
	if err := command.ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "wasmer:", err)
		os.Exit(1)
	}
}

// tryModule is this program as the child of another wasmer, which has given it a module.
func tryModule() {
	if err := trial.Child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// newCommand returns the wasmer command, which calls run with complete options: flags are tested without a server.
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
	command.CompletionOptions.DisableDefaultCmd = true
	command.AddCommand(newCheck())
	return command
}
