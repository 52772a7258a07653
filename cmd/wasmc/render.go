package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/validation"
)

// The module server of an installation by the manifests.
const (
	defaultCluster = "outbound|8081||wasmer.istio-system.svc.cluster.local"
	defaultBaseURL = "http://wasmer.istio-system.svc.cluster.local:8081"
)

// maxManifests is how many bytes of manifests are read.
const maxManifests = 16 << 20

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
			return wrap(o.run(command.Context(), s), "render %s", o.file)
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`FILE` with AutoWasms in YAML or JSON, or - for standard input")
	flags.StringVarP(&o.namespace, "namespace", "n", "default", "namespace of AutoWasms that name none")
	flags.StringVar(&o.sha256, "sha256", "", "sha256 of the module, 64 hex digits: render without fetching it")
	flags.StringVar(&o.server.Cluster, "cluster", defaultCluster, "Envoy cluster of the module server, as the server's flag of that name")
	flags.StringVar(&o.server.BaseURL, "base-url", defaultBaseURL, "URL of the module server, as the server's flag of that name")
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
	objects, err := readAutoWasms(in, o.namespace)
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
	ef, err := render.EnvoyFilter(aw, m, o.server)
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

// readAutoWasms reads a stream of YAML or JSON as strictly as kubectl apply does, and applies admission's defaults.
func readAutoWasms(r io.Reader, namespace string) ([]*v1alpha1.AutoWasm, error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(io.LimitReader(r, maxManifests)))
	var found []*v1alpha1.AutoWasm
	for n := 1; ; n++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var aw *v1alpha1.AutoWasm
		if err == nil {
			aw, err = readAutoWasm(document, namespace)
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if aw != nil {
			found = append(found, aw)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no AutoWasm in it")
	}
	return found, nil
}

// readAutoWasm returns nil for an empty document.
func readAutoWasm(document []byte, namespace string) (*v1alpha1.AutoWasm, error) {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("not an object: %w", err)
	}
	if len(object) == 0 {
		return nil, nil
	}
	if err := checkKind(object); err != nil {
		return nil, err
	}
	setNamespace(object, namespace)
	validation.Default(object, validation.NamespaceDefaults{})
	aw := &v1alpha1.AutoWasm{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, aw, true); err != nil {
		return nil, err
	}
	return aw, nil
}

func checkKind(object map[string]any) error {
	apiVersion, kind := v1alpha1.GroupVersion.String(), v1alpha1.Kind
	if object["apiVersion"] != apiVersion || object["kind"] != kind {
		return fmt.Errorf("%v %v is not %s %s", object["apiVersion"], object["kind"], apiVersion, kind)
	}
	return nil
}

// setNamespace sets the namespace of an object that has none, as kubectl does.
func setNamespace(object map[string]any, namespace string) {
	metadata, ok := object["metadata"].(map[string]any)
	if ok && (metadata["namespace"] == nil || metadata["namespace"] == "") {
		metadata["namespace"] = namespace
	}
}
