// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/validation"
)

// The module server of an installation by the manifests.
const (
	defaultCluster = "outbound|8081||wasmer.istio-system.svc.cluster.local"
	defaultBaseURL = "http://wasmer.istio-system.svc.cluster.local:8081"
)

type renderOptions struct {
	registryOptions
	file      string
	namespace string
	sha256    string
	output    string
	server    render.Options
}

func newRenderCommand(s streams) *cobra.Command {
	o := &renderOptions{}
	command := &cobra.Command{
		Use:   "render -f FILE|-",
		Short: "Print the EnvoyFilters that the server would make of AutoWasms",
		Long: `Print the EnvoyFilters that the server would make of the AutoWasms in a file, after
the same defaulting and validation. Nothing is sent to a cluster. Lists are taken
apart, and objects of other kinds are skipped, which standard error says.

The module's sha256 is taken from --sha256, else from spec.filter.source.object.sha256,
and then nothing is fetched at all. The module of a configMap source is read from the
ConfigMap in the same file. Else the module is fetched from here, a private image with
the credentials of this machine: spec.secret is not read. Defaults that the
namespace's annotations give are not known here.`,
		Example: `  # Print the EnvoyFilters of the AutoWasms in a file
  wasmc render -f aw.yaml

  # Print those of a kustomization, whatever else it has
  kubectl kustomize . | wasmc render -f -

  # Print one for a module that is in no registry yet
  wasmc render -f aw.yaml --sha256 "$(sha256sum < filter.wasm | cut -d' ' -f1)"`,
		Args: exactly(),
		RunE: func(command *cobra.Command, _ []string) error {
			return wrap(o.run(command.Context(), s), "render %s", o.file)
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`FILE` with AutoWasms in YAML or JSON, or - for standard input")
	flags.StringVarP(&o.namespace, "namespace", "n", "default", "namespace of AutoWasms that name none")
	flags.StringVar(&o.sha256, "sha256", "", "sha256 of the module, 64 hex digits: render without fetching it")
	flags.StringVar(&o.server.Cluster, "cluster", defaultCluster, "Envoy cluster of the module server, as the server's flag of that name")
	flags.StringVar(&o.server.BaseURL, "base-url", defaultBaseURL, "URL of the module server, as the server's flag of that name")
	bindOutputs(command, &o.output, outputYAML, outputJSON)
	o.bind(flags)
	return command
}

func (o *renderOptions) check() error {
	switch {
	case o.file == "":
		return usagef("render wants the AutoWasm: -f FILE, or -f - for standard input")
	case o.file == "-" && o.passwordStdin:
		return usagef("-f - and --password-stdin cannot both read standard input")
	case o.sha256 != "" && !v1alpha1.IsSHA256(strings.ToLower(o.sha256)):
		return usagef("--sha256 %q is not 64 hex digits", o.sha256)
	}
	o.sha256 = strings.ToLower(o.sha256)
	return o.registryOptions.check()
}

func (o *renderOptions) run(ctx context.Context, s streams) error {
	if err := o.check(); err != nil {
		return err
	}
	in, err := openInput(o.file, s.In)
	if err != nil {
		return err
	}
	defer in.Close()
	found, err := readManifests(in, o.namespace)
	if err != nil {
		return err
	}
	for _, o := range found.skipped {
		fmt.Fprintf(s.Err, "note: %s\n", oneLine(manifest.SkippedNote(o)))
	}
	if n := len(found.autoWasms); n > 1 && o.sha256 != "" {
		return usagef("--sha256 is that of one module, and there are %d AutoWasms", n)
	}
	// Nothing is printed unless all of it can be: the output may be piped.
	var filters []map[string]any
	for _, aw := range found.autoWasms {
		ef, err := o.renderOne(ctx, s, found, aw)
		if err != nil {
			return fmt.Errorf("AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
		}
		filters = append(filters, ef.Object)
	}
	return printObjects(s.Out, o.output, filters)
}

func (o *renderOptions) renderOne(ctx context.Context, s streams, all *manifests, aw *v1alpha1.AutoWasm) (*unstructured.Unstructured, error) {
	if err := validate(s, aw); err != nil {
		return nil, err
	}
	m, err := o.module(ctx, s, all, aw)
	if err != nil {
		return nil, err
	}
	if aw.Generation == 0 {
		aw.Generation = 1 // what the API server gives a new object
	}
	return render.EnvoyFilter(aw, m, o.server)
}

// printObjects prints objects as documents of YAML; or one as JSON, and several as a List.
func printObjects(w io.Writer, output string, objects []map[string]any) error {
	if output == outputJSON && len(objects) > 1 {
		return printJSON(w, map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	}
	if output == outputJSON {
		return printJSON(w, objects[0])
	}
	var out strings.Builder
	for i, object := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		content, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		out.Write(content)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// validate applies the rules of the admission, and requires the name.
func validate(s streams, aw *v1alpha1.AutoWasm) error {
	errs, warnings := validation.Validate(aw, validation.Options{})
	for _, warning := range warnings {
		fmt.Fprintf(s.Err, "warning: %s\n", oneLine(warning))
	}
	if len(errs) > 0 {
		return errs.ToAggregate()
	}
	if aw.Name == "" {
		return fmt.Errorf("metadata.name: a name that is generated is not known yet: give it a name")
	}
	return nil
}
