// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/fetch/module"
)

// builtFile is the module that wasmc build writes, which is also that of the Makefile of wasmc init.
const builtFile = "filter.wasm"

type buildOptions struct {
	registryOptions
	image  string
	output string
}

func newBuildCommand(s streams) *cobra.Command {
	o := &buildOptions{}
	command := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Build a filter with the tool chain of its language",
		Long: `Build the filter in a directory into filter.wasm there, with the tool chain of its language on
this machine, and check that Envoy can load it. What a directory has decides:

  go.mod        go build for wasip1
  Cargo.toml    cargo build for wasm32-wasip1
  package.json  npm run build, after npm ci where there is no node_modules

--push pushes the module with the schema of its configuration, where there is a schema.yaml.
The commands are printed, with what they print, on standard error.`,
		Example: `  # Build the filter in this directory
  wasmc build

  # Build one and push it
  wasmc build my-filter --push registry.example/team/my-filter:v1`,
		Args: atMost("DIR"),
		RunE: func(command *cobra.Command, args []string) error {
			dir := cmp.Or(strings.Join(args, ""), ".")
			return wrap(o.run(command.Context(), s, dir), "build %s", dir)
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.image, "push", "", "`IMAGE` to push the module to")
	bindOutput(command, &o.output)
	o.bind(flags)
	return command
}

func (o *buildOptions) check() error {
	if o.image != "" {
		if _, err := parseTag(o.image); err != nil {
			return err
		}
	}
	return o.registryOptions.check()
}

func (o *buildOptions) run(ctx context.Context, s streams, dir string) error {
	if err := o.check(); err != nil {
		return err
	}
	chain, err := toolChainOf(dir)
	if err != nil {
		return err
	}
	if err := chain.build(ctx, s.Err, dir); err != nil {
		return err
	}
	file := filepath.Join(dir, builtFile)
	report, err := reportOf(file)
	if err != nil {
		return err
	}
	if err := o.print(s, file, report); err != nil || o.image == "" {
		return err
	}
	schema, err := schemaBesideSource(dir)
	if err != nil {
		return err
	}
	push := &pushOptions{registryOptions: o.registryOptions, file: file, schema: schema, format: formatImage, output: o.output}
	return wrap(push.run(ctx, s, o.image), "push %s", o.image)
}

// schemaBesideSource is the schema.yaml that wasmc init writes, "" if there is none.
func schemaBesideSource(dir string) (string, error) {
	file := filepath.Join(dir, "schema.yaml")
	_, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return file, err
}

// reportOf describes the module that was built, unless no Envoy loads it.
func reportOf(file string) (*moduleReport, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	info, err := module.Inspect(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	location, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	return &moduleReport{Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Location: location, ABI: info.ABI}, nil
}

// print prints what was built; as JSON or YAML only where nothing is pushed, which has a report of its own.
func (o *buildOptions) print(s streams, file string, report *moduleReport) error {
	if o.output == outputText {
		_, err := fmt.Fprintf(s.Out, "Built %s: %d bytes, Proxy-Wasm ABI %s\n", file, report.Size, report.ABI)
		return err
	}
	if o.image != "" {
		return nil
	}
	return printAs(s.Out, o.output, report)
}
