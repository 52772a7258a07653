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
		Example: `  wasmc pull registry.example/team/add-header:v1
  wasmc pull registry.example/team/add-header:v1 -o add-header.wasm
  wasmc pull registry.example/team/add-header:v1 -o - | sha256sum`,
		Args: exactly("IMAGE"),
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, args[0]), "pull %s", args[0])
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.output, "output", "o", defaultFile,
		"`FILE` or directory to write to, or - for standard output;\nthe word json writes to the default file and prints JSON (write ./json for a file of that name)")
	o.bind(flags)
	return command
}

func (o *pullOptions) run(ctx context.Context, s streams, target string) error {
	if err := o.registryOptions.check(); err != nil {
		return err
	}
	if o.output == "-" && isTerminal(s.Out) {
		return usagef("standard output is a terminal, and a module is binary: redirect it, or use -o FILE")
	}
	found, err := o.artifact(ctx, s, target)
	if err != nil {
		return err
	}
	if o.output == "-" {
		return pullToStream(ctx, s, target, found)
	}
	return o.pullToFile(ctx, s, target, found)
}

// pullToStream writes the first byte once all have been verified.
func pullToStream(ctx context.Context, s streams, target string, found *artifact) error {
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
	return printPulled(s.Err, target, pulled, "-")
}

func (o *pullOptions) pullToFile(ctx context.Context, s streams, target string, found *artifact) error {
	path, err := o.path()
	if err != nil {
		return err
	}
	pulled, err := replaceFile(path, func(f *os.File) (*localModule, error) { return found.save(ctx, s, f) })
	if err != nil {
		return err
	}
	warnOf(s, pulled)
	if o.output != outputJSON {
		return printPulled(s.Out, target, pulled, path)
	}
	report := found.report(pulled)
	report.Location = path
	return printJSON(s.Out, report)
}

// path is the absolute path of the file to write.
func (o *pullOptions) path() (string, error) {
	path := o.output
	if path == outputJSON {
		path = defaultFile
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		path = filepath.Join(path, defaultFile)
	case err == nil && !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is neither a file nor a directory: use -o - for standard output", path)
	}
	return filepath.Abs(path)
}

func printPulled(w io.Writer, target string, m *localModule, location string) error {
	_, err := fmt.Fprintf(w, "Pulled %s\nSha256: %s\nLocation: %s\n", target, m.sha256, location)
	return err
}

// warnOf prints a warning about a module that the server would refuse.
func warnOf(s streams, m *localModule) {
	if m.refusal != nil {
		fmt.Fprintf(s.Err, "warning: Envoy cannot load this file: %s\n", oneLine(m.refusal.Error()))
	}
}
