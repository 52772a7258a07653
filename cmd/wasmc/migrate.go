// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
	"github.com/autowasm/autowasm/migrate"
)

// errIncomplete ends a migration of which something cannot be mapped. What it is has been printed.
var errIncomplete = errors.New("not all of it can be mapped, see above: check the AutoWasms before you apply them")

type migrateOptions struct {
	file     string
	output   string
	contexts []string
	migrate  migrate.Options
}

func newMigrateCommand(s streams) *cobra.Command {
	o := &migrateOptions{}
	command := &cobra.Command{
		Use:   "migrate -f FILE|-",
		Short: "Print the AutoWasms that do what other objects do",
		Long: `Print the AutoWasms that do what other objects do, and on standard error what changes.

It reads Istio's WasmPlugin and TrafficExtension, EnvoyFilters that insert a Wasm filter,
the annotations of workloads that mount a ConfigMap for such an EnvoyFilter, and wasme's
FilterDeployment. Lists and several documents are fine; other kinds are skipped. Nothing
is sent to a cluster, and no field of an old object is dropped in silence.

The exit code is 0 when the AutoWasms do all of it, and 3 when something cannot be
mapped: then a line on standard error says what, why, and what to do.`,
		Example: `  # Migrate what is in a file, and try it if all of it can be mapped
  wasmc migrate -f old.yaml > new.yaml && kubectl apply --dry-run=server -f new.yaml

  # Migrate all that a namespace has
  kubectl get wasmplugins,envoyfilters,deployments -n NAMESPACE -o yaml | wasmc migrate -f -`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error { return wrap(o.run(s), "migrate %s", o.file) },
	}
	flags := command.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`FILE` with the old objects in YAML or JSON, or - for standard input")
	flags.StringSliceVar(&o.contexts, "context", nil, "of objects that are for more, migrate these `CONTEXTS` alone: Inbound, Outbound, Gateway")
	complete := cobra.FixedCompletions(contextNames(), cobra.ShellCompDirectiveNoFileComp)
	_ = command.RegisterFlagCompletionFunc("context", complete) // which fails for a flag that is not there, or has one
	bindOutputs(command, &o.output, outputYAML, outputJSON)
	flags.StringVar(&o.migrate.Image, "image", "", "`IMAGE` that holds the module of filters whose file is in the proxies themselves")
	flags.StringVar(&o.migrate.RootNamespace, "istio-root-namespace", "istio-system", "Istio's root namespace, as the server's flag of that name")
	return command
}

func contextNames() []string {
	return []string{string(v1alpha1.Inbound), string(v1alpha1.Outbound), string(v1alpha1.Gateway)}
}

func (o *migrateOptions) check() error {
	if o.file == "" {
		return usagef("migrate wants the old objects: -f FILE, or -f - for standard input")
	}
	for _, name := range o.contexts {
		if !slices.Contains(contextNames(), name) {
			return usagef("--context %q is not one of %s", name, strings.Join(contextNames(), ", "))
		}
		o.migrate.Contexts = append(o.migrate.Contexts, v1alpha1.Context(name))
	}
	return nil
}

func (o *migrateOptions) run(s streams) error {
	if err := o.check(); err != nil {
		return err
	}
	in, err := openInput(o.file, s.In)
	if err != nil {
		return err
	}
	defer in.Close()
	objects, err := manifest.Read(in)
	if err != nil {
		return err
	}
	result := migrate.Objects(objects, o.migrate)
	printNotes(s.Err, result)
	if len(result.Migrated) == 0 && result.Complete() {
		return fmt.Errorf("there is nothing in it to migrate: wasmc migrates WasmPlugin, TrafficExtension, EnvoyFilter and FilterDeployment")
	}
	if err := printMigrated(s.Out, o.output, result); err != nil {
		return err
	}
	if !result.Complete() {
		return errIncomplete
	}
	return nil
}

func printNotes(w io.Writer, result migrate.Result) {
	for _, note := range result.Notes {
		fmt.Fprintln(w, oneLine(note.String()))
	}
	for _, object := range result.Skipped {
		fmt.Fprintf(w, "note: %s\n", oneLine(manifest.SkippedNote(object)))
	}
}

// printMigrated prints AutoWasms as they are written by hand, in YAML with what they come from.
func printMigrated(w io.Writer, output string, result migrate.Result) error {
	var objects []map[string]any
	var comments []string
	for _, migrated := range result.Migrated {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(migrated.AutoWasm)
		if err != nil {
			return err
		}
		unstructured.RemoveNestedField(object, "status")
		unstructured.RemoveNestedField(object, "metadata", "creationTimestamp")
		objects = append(objects, object)
		comments = append(comments, commentOn(migrated, result.Notes))
	}
	switch {
	case len(objects) == 0:
		return nil
	case output == outputJSON:
		return printObjects(w, output, objects)
	}
	return printCommented(w, objects, comments)
}

func printCommented(w io.Writer, objects []map[string]any, comments []string) error {
	var out strings.Builder
	for i, object := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		out.WriteString(comments[i])
		if err := printObjects(&out, outputYAML, []map[string]any{object}); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// commentOn says where an AutoWasm comes from, and what it does without.
func commentOn(migrated migrate.Migrated, notes []migrate.Note) string {
	comment := fmt.Sprintf("# From %s (%s).\n", oneLine(migrated.From), migrated.At)
	for _, note := range notes {
		if note.Level == migrate.NotMapped && note.Object == migrated.From {
			comment += fmt.Sprintf("# Not mapped: %s: %s\n", oneLine(note.Path), oneLine(note.Text))
		}
	}
	return comment
}
