package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/validation"
)

// Where a server that is installed as its manifests say is found.
const (
	defaultCluster = "outbound|8081||wasmer.istio-system.svc.cluster.local"
	defaultBaseURL = "http://wasmer.istio-system.svc.cluster.local:8081"
)

type renderOptions struct {
	registryOptions
	file      string
	namespace string
	sha256    string
	server    render.Options
}

func newRenderCommand(s streams) *cobra.Command {
	o := &renderOptions{}
	command := &cobra.Command{
		Use:   "render -f FILE|-",
		Short: "Print the EnvoyFilters that the server would make of AutoWasms",
		Long: `Print the EnvoyFilters that the server would make of the AutoWasms in a file, after
the same defaulting and validation. Nothing is sent to a cluster.

The module's sha256 is taken from --sha256, else from spec.filter.source.object.sha256,
and then nothing is fetched at all. Else the module is fetched from here, a private
image with the credentials of this machine: spec.secret is not read, and of a
configMap source the sha256 must be given. Defaults that the namespace's annotations
give are not known here.`,
		Example: `  wasmc render -f aw.yaml
  wasmc render -f aw.yaml --sha256 "$(sha256sum < filter.wasm | cut -d' ' -f1)"`,
		Args: exactly(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return wrap(o.run(command.Context(), s), "render %s", o.file)
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`FILE` with AutoWasms in YAML or JSON, or - for standard input")
	flags.StringVarP(&o.namespace, "namespace", "n", "default", "namespace of AutoWasms that name none")
	flags.StringVar(&o.sha256, "sha256", "", "sha256 of the module, 64 hex digits: render without fetching it")
	flags.StringVar(&o.server.Cluster, "cluster", defaultCluster, "Envoy cluster of the module server, as the server is told")
	flags.StringVar(&o.server.BaseURL, "base-url", defaultBaseURL, "URL of the module server, as the server is told")
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
	objects, err := o.read(s)
	if err != nil {
		return err
	}
	if len(objects) > 1 && o.sha256 != "" {
		return usagef("--sha256 is that of one module, and there are %d AutoWasms", len(objects))
	}
	// Nothing is printed unless all of it can be: the output may be piped.
	var out strings.Builder
	for i, aw := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		if err := o.renderOne(ctx, s, &out, aw); err != nil {
			return fmt.Errorf("AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
		}
	}
	_, err = io.WriteString(s.Out, out.String())
	return err
}

// read parses and defaults the AutoWasms of the file.
func (o *renderOptions) read(s streams) ([]*v1alpha1.AutoWasm, error) {
	in := s.In
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return readAutoWasms(in, o.namespace)
}

func (o *renderOptions) renderOne(ctx context.Context, s streams, out io.Writer, aw *v1alpha1.AutoWasm) error {
	if err := validate(s, aw); err != nil {
		return err
	}
	m, err := o.module(ctx, s, aw)
	if err != nil {
		return err
	}
	if aw.Generation == 0 {
		aw.Generation = 1 // what the API server gives a new object
	}
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: m.sha256, Reference: m.reference}, o.server)
	if err != nil {
		return err
	}
	content, err := yaml.Marshal(ef.Object)
	if err != nil {
		return err
	}
	_, err = out.Write(content)
	return err
}

// validate does what the admission does, which must know the name too.
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
