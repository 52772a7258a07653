package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/fetch/image"
)

type inspectOptions struct {
	registryOptions
	output string
}

func newInspectCommand(s streams) *cobra.Command {
	o := &inspectOptions{}
	command := &cobra.Command{
		Use:   "inspect IMAGE|FILE",
		Short: "Show what an image or a file holds, and who can load it",
		Long: `Show the module in an image or a file: what it is, what it asks of Envoy, and who
can load it.

A file of that name goes before an image; write ./NAME for a file in doubt, and - for
standard input. The exit code is 0 also for a module that Envoy cannot load.`,
		Example: `  wasmc inspect registry.example/team/add-header:v1
  wasmc inspect ./add-header.wasm -o json`,
		Args: exactly("IMAGE|FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			if err := checkOutput(o.output); err != nil {
				return err
			}
			if err := o.registryOptions.check(); err != nil {
				return err
			}
			return wrap(o.run(command.Context(), s, args[0]), "inspect %s", args[0])
		},
	}
	bindOutput(command.Flags(), &o.output)
	o.bind(command.Flags())
	return command
}

func (o *inspectOptions) run(ctx context.Context, s streams, target string) error {
	report, err := o.report(ctx, s, target)
	if err != nil {
		return err
	}
	if o.output == outputJSON {
		return printJSON(s.Out, report)
	}
	return report.print(s.Out)
}

func (o *inspectOptions) report(ctx context.Context, s streams, target string) (*inspection, error) {
	if target == "-" {
		return inspectCopy(s.In)
	}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.Mode().IsRegular():
		return inspectFile(target)
	case isPath(target) && err != nil:
		return nil, fmt.Errorf("not a file: %w", err)
	case isPath(target) && info.IsDir():
		return nil, fmt.Errorf("not a file: it is a directory")
	case isPath(target):
		return inspectFile(target)
	default:
		return o.inspectImage(ctx, s, target)
	}
}

// isPath tells what can only be meant as a file.
func isPath(target string) bool {
	return target == "" || target[0] == '.' || target[0] == '/'
}

func inspectFile(path string) (*inspection, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return inspectCopy(f)
}

// inspectCopy looks into what r unpacks to.
func inspectCopy(r io.Reader) (*inspection, error) {
	f, err := os.CreateTemp("", "wasmc-*.wasm")
	if err != nil {
		return nil, err
	}
	defer discard(f)
	unpacked, err := image.Unpack(r, maxModule)
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), unpacked); err != nil {
		return nil, err
	}
	m, err := describe(f, hex.EncodeToString(hash.Sum(nil)))
	if err != nil {
		return nil, err
	}
	return newInspection(m), nil
}

func (o *inspectOptions) inspectImage(ctx context.Context, s streams, target string) (*inspection, error) {
	ref, host, err := parseReference(target)
	if err != nil {
		return nil, err
	}
	client, err := o.client(host, s.In)
	if err != nil {
		return nil, err
	}
	found, err := client.artifact(ctx, ref)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp("", "wasmc-*.wasm")
	if err != nil {
		return nil, err
	}
	defer discard(f)
	m, stream, err := found.save(ctx, s, f)
	if err != nil {
		return nil, err
	}
	return newInspection(m).of(found, m, stream), nil
}
