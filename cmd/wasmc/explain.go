// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
)

type explainOptions struct {
	registryOptions
	output    string
	recursive bool
}

func newExplainCommand(s streams) *cobra.Command {
	o := &explainOptions{}
	command := &cobra.Command{
		Use:   "explain IMAGE|FILE [FIELD]",
		Short: "Describe the configuration of a filter",
		Long: `Describe the configuration of a filter, by the schema that its module carries, as
kubectl explain describes the fields of an object.

FIELD is below spec.filter.config, such as consumers.name. The items of a list and the
values of a map need no name. In images of Higress's plugins, spec.yaml is read.

-o json and -o yaml print the schema itself, or that of the field.`,
		Example: `  # Describe the configuration
  wasmc explain registry.example/team/key-auth:v1

  # Describe a field
  wasmc explain registry.example/team/key-auth:v1 consumers.name`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return usagef("explain wants IMAGE|FILE, and FIELD for one field")
		},
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, args[0], args[1:]), "explain %s", args[0])
		},
	}
	command.Flags().BoolVar(&o.recursive, "recursive", false, "print all fields below, without their descriptions")
	bindOutput(command, &o.output)
	o.bind(command.Flags())
	return command
}

func (o *explainOptions) run(ctx context.Context, s streams, target string, fields []string) error {
	if err := o.registryOptions.check(); err != nil {
		return err
	}
	schema, err := o.schema(ctx, s, target)
	if err != nil {
		return err
	}
	switch {
	case o.output == outputText && o.recursive:
		return schema.ExplainRecursively(s.Out, fieldPath(fields)...)
	case o.output == outputText:
		return schema.Explain(s.Out, fieldPath(fields)...)
	}
	field, err := schema.Field(fieldPath(fields)...)
	if err != nil {
		return err
	}
	return printAs(s.Out, o.output, field.Source())
}

// fieldPath splits the name of a field, which may begin as in an AutoWasm.
func fieldPath(fields []string) []string {
	if len(fields) == 0 {
		return nil
	}
	below := strings.TrimPrefix(strings.TrimPrefix(fields[0], "spec.filter.config"), ".")
	return strings.FieldsFunc(below, func(r rune) bool { return r == '.' })
}

// schema returns the schema in the module, or in the image beside it.
func (o *explainOptions) schema(ctx context.Context, s streams, target string) (*configschema.Schema, error) {
	isImage, err := namesImage(target)
	if err != nil {
		return nil, err
	}
	var found *foundSchema
	if isImage {
		found, err = o.schemaOfImage(ctx, s, target)
	} else {
		found, err = schemaIn(o.loadModule(ctx, s, target))
	}
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, errors.New("the module carries no schema of its configuration: wasmc push --schema FILE adds one")
	}
	return found.schema, found.usable()
}

// schemaOfImage returns the schema in the module of an image, or in the image beside it; nil for none.
func (o *explainOptions) schemaOfImage(ctx context.Context, s streams, target string) (*foundSchema, error) {
	from, err := o.artifact(ctx, s, target)
	if err != nil {
		return nil, err
	}
	found, err := schemaIn(readModule(image.Open(ctx, from.image, module.MaxSize)))
	if found == nil && err == nil {
		found = schemaBeside(ctx, from.image)
	}
	return found, err
}

// schemaIn returns the schema in a module that was read, nil for none.
func schemaIn(wasm []byte, err error) (*foundSchema, error) {
	if err != nil {
		return nil, err
	}
	d, err := module.Describe(bytes.NewReader(wasm), int64(len(wasm)))
	if err != nil {
		return nil, err
	}
	return schemaAt(d.Schema, bytes.NewReader(wasm)), nil
}
