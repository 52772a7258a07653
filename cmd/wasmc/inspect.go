// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/fetch/image"
)

type inspectOptions struct {
	registryOptions
	output string
	check  bool
}

func newInspectCommand(s streams) *cobra.Command {
	o := &inspectOptions{}
	command := &cobra.Command{
		Use:   "inspect IMAGE|FILE",
		Short: "Show what an image or a file holds, and who can load it",
		Long: `Show the module in an image or a file: what it is, what it imports from Envoy, and who
can load it.

A file of that name goes before an image; write ./NAME for a file in doubt, and - for
standard input. The exit code is 0 also for a module that no Envoy can load, unless
--check is given.`,
		Example: `  # Show the module in an image
  wasmc inspect registry.example/team/add-header:v1

  # Show a file, for scripts
  wasmc inspect ./add-header.wasm -o json

  # Fail if no Envoy can load it, such as in CI
  wasmc inspect ./add-header.wasm --check`,
		Args: exactly("IMAGE|FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, args[0]), "inspect %s", args[0])
		},
	}
	command.Flags().BoolVar(&o.check, "check", false, "fail for a module that no Envoy can load")
	bindOutput(command, &o.output)
	o.bind(command.Flags())
	return command
}

func (o *inspectOptions) run(ctx context.Context, s streams, target string) error {
	if err := o.registryOptions.check(); err != nil {
		return err
	}
	report, err := o.report(ctx, s, target)
	if err != nil {
		return err
	}
	if err := report.printAs(s.Out, o.output); err != nil || !o.check {
		return err
	}
	return wrap(report.refusal, "no Envoy can load it")
}

func (o *inspectOptions) report(ctx context.Context, s streams, target string) (*inspection, error) {
	if isImage, err := namesImage(target); err != nil {
		return nil, err
	} else if isImage {
		return o.inspectImage(ctx, s, target)
	}
	in, err := openInput(target, s.In)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return inspectFile(in)
}

// namesImage reports whether a target is an image rather than a file, or - for standard input. A file of the name goes
// before an image, and one that ends in .wasm, such as bin/filter.wasm, is not looked for at Docker Hub.
func namesImage(target string) (bool, error) {
	first, _, below := strings.Cut(target, "/")
	isPath := target == "" || target[0] == '.' || target[0] == '/' ||
		strings.HasSuffix(target, ".wasm") && !(below && strings.ContainsAny(first, ".:"))
	info, err := os.Stat(target)
	switch {
	case target == "-":
	case !isPath && (err != nil || !info.Mode().IsRegular()):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("not a file: %w", err)
	case info.IsDir():
		return false, errors.New("not a file: it is a directory")
	}
	return false, nil
}

// inspectFile inspects a module, an archive with it, or either of them compressed.
func inspectFile(r io.Reader) (*inspection, error) {
	unpacked, err := image.Unpack(r, maxModule)
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	m, err := inspectModule(unpacked, io.Discard)
	if err != nil {
		return nil, err
	}
	return newInspection(moduleReport{Size: m.size, SHA256: m.sha256, ABI: m.description.ABI}, m), nil
}

func (o *inspectOptions) inspectImage(ctx context.Context, s streams, target string) (*inspection, error) {
	found, err := o.artifact(ctx, s, target)
	if err != nil {
		return nil, err
	}
	stream, err := image.Open(ctx, found.image, maxModule)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	m, err := inspectModule(stream, s.Err)
	if err != nil {
		return nil, err
	}
	i := newInspection(found.report(m), m)
	if i.Path = stream.Path; i.Schema == nil {
		i.Schema = schemaBeside(ctx, found.image)
	}
	i.Loaders = append(i.Loaders, image.Loaders(found.manifest, stream)...)
	return i, nil
}

// inspection is what wasmc inspect prints.
type inspection struct {
	moduleReport
	// Path of the module in the image's layer, where it is packed.
	Path string `json:"path,omitempty"`
	// Producers are the tools that made the module, as it declares them.
	Producers []string `json:"producers,omitempty"`
	// Schema of the configuration, absent if there is none.
	Schema *foundSchema `json:"schema,omitempty"`
	// Imports are the functions that the module imports from Envoy.
	Imports []importReport `json:"imports,omitempty"`
	// Loaders are the programs that load such images, and whether they load this one.
	Loaders []image.Loader `json:"loaders"`

	refusal error // why no Envoy can load it
}

// importReport is a function that the module imports from Envoy.
type importReport struct {
	Name      string `json:"name"`
	Signature string `json:"signature,omitempty"`
	// Since is the date since when Envoy has it; empty when no Envoy has it.
	Since string `json:"since,omitempty"`
	// Problem says why Envoy cannot provide it; empty when it can.
	Problem string `json:"problem,omitempty"`
}

func newInspection(report moduleReport, m *localModule) *inspection {
	autowasm := image.Loader{Name: "AutoWasm", Loads: m.refusal == nil}
	if m.refusal != nil {
		autowasm.Why = oneLine(m.refusal.Error())
	}
	i := &inspection{moduleReport: report, Schema: m.schema, Loaders: []image.Loader{autowasm}, refusal: m.refusal}
	for _, p := range m.description.Producers {
		i.Producers = append(i.Producers, strings.TrimSpace(p.Name+" "+p.Version))
	}
	for _, imported := range m.description.Imports {
		i.Imports = append(i.Imports, importReport{
			Name: imported.Module + "." + imported.Name, Signature: imported.Signature,
			Since: imported.Since, Problem: imported.Problem,
		})
	}
	return i
}

func (i *inspection) printAs(w io.Writer, output string) error {
	if output == outputText {
		return i.print(w)
	}
	return printAs(w, output, i)
}

// print prints text. Names from the image and the module are escaped: they may hold control characters.
func (i *inspection) print(w io.Writer) error {
	var out strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&out, "%-11s %s\n", label+":", value)
		}
	}
	line("Reference", i.Reference)
	line("Digest", i.Digest)
	line("Format", i.format())
	line("Size", fmt.Sprintf("%d bytes", i.Size))
	line("Sha256", i.SHA256)
	line("ABI", i.ABI)
	line("Producers", printable(strings.Join(i.Producers, ", ")))
	line("Schema", printable(i.Schema.line()))
	i.printImports(&out)
	i.printLoaders(&out)
	_, err := io.WriteString(w, out.String())
	return err
}

func (i *inspection) format() string {
	if i.Path == "" {
		return i.Format
	}
	return fmt.Sprintf("%s (%s)", i.Format, printable(i.Path))
}

func (i *inspection) printImports(out *strings.Builder) {
	if len(i.Imports) > 0 {
		out.WriteString("Imports:\n")
	}
	for _, imported := range i.Imports {
		note := "Envoy since " + imported.Since
		if imported.Problem != "" {
			note = "missing: " + imported.Problem
		}
		fmt.Fprintf(out, "  %s %s  %s\n", printable(imported.Name), imported.Signature, printable(note))
	}
}

func (i *inspection) printLoaders(out *strings.Builder) {
	out.WriteString("Loaded by:\n")
	for _, loader := range i.Loaders {
		verdict := "yes"
		if !loader.Loads {
			verdict = "no: " + loader.Why
		}
		fmt.Fprintf(out, "  %-19s %s\n", loader.Name, printable(verdict))
	}
}
