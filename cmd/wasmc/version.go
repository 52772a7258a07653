// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// versionReport is the version as JSON or YAML.
type versionReport struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(s streams) *cobra.Command {
	output := ""
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  # Print the version for scripts
  wasmc version -o json`,
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if output != outputText {
				return printAs(s.Out, output, versionReport{version, runtime.Version(), platform()})
			}
			_, err := fmt.Fprintln(s.Out, versionLine())
			return err
		},
	}
	bindOutput(command, &output)
	return command
}

func versionLine() string {
	return fmt.Sprintf("wasmc %s %s %s", version, runtime.Version(), platform())
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }
