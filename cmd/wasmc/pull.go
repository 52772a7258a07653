// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// defaultFile is the file that a module is pulled to.
const defaultFile = "filter.wasm"

type pullOptions struct {
	registryOptions
	file   string
	output string
}

func newPullCommand(s streams) *cobra.Command {
	o := &pullOptions{}
	command := &cobra.Command{
		Use:   "pull IMAGE",
		Short: "Pull a module from a registry",
		Long: `Pull a Wasm module from an OCI registry into a file.

Images of every kind are read: those of wasmc, docker, buildah, wasme, wasm-to-oci,
oras and wkg. The file is written only once all of it has been verified.`,
		Example: `  # Pull a module into filter.wasm
  wasmc pull registry.example/team/add-header:v1

  # Pull it into another file
  wasmc pull registry.example/team/add-header:v1 -f add-header.wasm

  # Pass it on to another program
  wasmc pull registry.example/team/add-header:v1 -f - | sha256sum`,
		Args: exactly("IMAGE"),
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, args[0]), "pull %s", args[0])
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.file, "file", "f", defaultFile, "`FILE` or directory to write to, or - for standard output")
	bindOutput(command, &o.output)
	o.bind(flags)
	return command
}

func (o *pullOptions) run(ctx context.Context, s streams, target string) error {
	if err := o.registryOptions.check(); err != nil {
		return err
	}
	if o.file == "-" && isTerminal(s.Out) {
		return usagef("standard output is a terminal, and a module is binary: redirect it, or use -f FILE")
	}
	found, err := o.artifact(ctx, s, target)
	if err != nil {
		return err
	}
	if o.file == "-" {
		return o.pullToStream(ctx, s, target, found)
	}
	return o.pullToFile(ctx, s, target, found)
}

// pullToStream writes the first byte once all have been verified.
func (o *pullOptions) pullToStream(ctx context.Context, s streams, target string, found *artifact) error {
	f, err := tempFile()
	if err != nil {
		return err
	}
	defer discard(f)
	pulled, err := found.save(ctx, s, f)
	if err != nil {
		return err
	}
	warnOf(s, pulled)
	if _, err := io.Copy(s.Out, io.NewSectionReader(f, 0, pulled.size)); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return o.print(s.Err, target, found, pulled, "-")
}

func (o *pullOptions) pullToFile(ctx context.Context, s streams, target string, found *artifact) error {
	path, err := o.path()
	if err != nil {
		return err
	}
	var pulled *localModule
	err = replaceFile(path, func(f *os.File) error {
		pulled, err = found.save(ctx, s, f)
		return err
	})
	if err != nil {
		return err
	}
	warnOf(s, pulled)
	return o.print(s.Out, target, found, pulled, path)
}

// path is the absolute path of the file to write.
func (o *pullOptions) path() (string, error) {
	path := o.file
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		path = filepath.Join(path, defaultFile)
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is neither a file nor a directory: use -f - for standard output", path)
	}
	if dir := filepath.Dir(path + "."); !isDir(dir) { // of dir/ it is dir
		return "", fmt.Errorf("the directory %s does not exist: create it, or name another file", dir)
	}
	return filepath.Abs(path)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (o *pullOptions) print(w io.Writer, target string, found *artifact, m *localModule, location string) error {
	if o.output != outputText {
		report := found.report(m)
		report.Location = location
		return printAs(w, o.output, report)
	}
	_, err := fmt.Fprintf(w, "Pulled %s\nSha256: %s\nLocation: %s\n", target, m.sha256, location)
	return err
}

// warnOf prints a warning about a module that the server would refuse.
func warnOf(s streams, m *localModule) {
	if m.refusal != nil {
		fmt.Fprintf(s.Err, "warning: Envoy cannot load this file: %s\n", oneLine(m.refusal.Error()))
	}
}
