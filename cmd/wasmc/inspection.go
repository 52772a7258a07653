package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
)

// inspection is what wasmc inspect shows.
type inspection struct {
	moduleReport
	// Path of the module in the image's layer, where it is packed.
	Path string `json:"path,omitempty"`
	// Producers are the tools that made the module, as far as it tells.
	Producers []string `json:"producers,omitempty"`
	// Imports are what the module asks of Envoy.
	Imports []importReport `json:"imports,omitempty"`
	// Loaders tell who can load it.
	Loaders []image.Loader `json:"loaders"`
}

// importReport is a function that the module asks of Envoy.
type importReport struct {
	Name      string `json:"name"`
	Signature string `json:"signature,omitempty"`
	// Since is the date since when Envoy has it; empty when it has not.
	Since string `json:"since,omitempty"`
	// Problem says why Envoy cannot provide it; empty when it can.
	Problem string `json:"problem,omitempty"`
}

func newInspection(m *localModule) *inspection {
	i := &inspection{moduleReport: moduleReport{Size: m.size, SHA256: m.sha256, ABI: m.abi()}}
	envoy := image.Loader{Name: "AutoWasm", Loads: m.refusal == nil}
	if m.refusal != nil {
		envoy.Why = oneLine(m.refusal.Error())
	}
	i.Loaders = []image.Loader{envoy}
	if m.description != nil {
		i.describe(m.description)
	}
	return i
}

func (i *inspection) describe(d *module.Description) {
	for _, p := range d.Producers {
		i.Producers = append(i.Producers, strings.TrimSpace(p.Name+" "+p.Version))
	}
	for _, imported := range d.Imports {
		i.Imports = append(i.Imports, importReport{
			Name: imported.Module + "." + imported.Name, Signature: imported.Signature,
			Since: imported.Since, Problem: imported.Problem,
		})
	}
}

// of adds what is known of the image that the module came in. Other programs can
// load only what Envoy can run.
func (i *inspection) of(a *artifact, m *localModule, stream *image.Stream) *inspection {
	i.moduleReport = a.report(m, "")
	i.Path = stream.Path
	i.Loaders = append(i.Loaders, image.Loaders(a.manifest, stream)...)
	return i
}

// print shows the inspection to a person. What the image or the module chose is
// quoted where it could hold control characters.
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
