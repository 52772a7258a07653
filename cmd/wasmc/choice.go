// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// The formats of what is printed.
const (
	outputText = "text"
	outputJSON = "json"
	outputYAML = "yaml"
)

// choice is a flag whose value is one of a few. The first is its default.
type choice struct {
	value   *string
	allowed []string
	hint    string // ends the error about another value
}

var _ pflag.Value = &choice{}

func (c *choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

// Set refuses any other value.
func (c *choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		return fmt.Errorf("not one of %s%s", strings.Join(c.allowed, ", "), c.hint)
	}
	*c.value = value
	return nil
}

// Type is what help shows for the value.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

// bind adds the flag to a command, with completion of its values.
func (c *choice) bind(command *cobra.Command, name, shorthand, usage string) {
	*c.value = c.allowed[0]
	command.Flags().VarP(c, name, shorthand, usage)
	complete := cobra.FixedCompletions(c.allowed, cobra.ShellCompDirectiveNoFileComp)
	_ = command.RegisterFlagCompletionFunc(name, complete) // which fails for a flag that is not there, or has one
}

// bindOutput adds -o to a command, which prints text by default.
func bindOutput(command *cobra.Command, output *string) {
	bindOutputs(command, output, outputText, outputJSON, outputYAML)
}

func bindOutputs(command *cobra.Command, output *string, formats ...string) {
	hint := ""
	if command.Flags().Lookup("file") != nil {
		hint = "; a file is named by -f"
	}
	(&choice{value: output, allowed: formats, hint: hint}).bind(command, "output", "o", "format of what is printed")
}

// printAs prints a report as JSON or YAML.
func printAs(w io.Writer, output string, report any) error {
	if output != outputYAML {
		return printJSON(w, report)
	}
	content, err := yaml.Marshal(report)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}
