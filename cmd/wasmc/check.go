// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/trial"
	"github.com/autowasm/autowasm/validation"
)

type checkOptions struct {
	registryOptions
	file      string
	schema    string
	namespace string
	output    string
}

func newCheckCommand(s streams) *cobra.Command {
	o := &checkOptions{}
	command := &cobra.Command{
		Use:   "check [FILE|IMAGE] [-f AUTOWASM]",
		Short: "Say whether apply would deny a module, or AutoWasms: inspect and try the module",
		Long: `Inspect a module and try it as the server does at apply: its start, its configuration, and one
plain GET. With -f, with the configuration and the other settings of the AutoWasms in a
file, which are validated first; without FILE or IMAGE each has the module of its source.

What only a cluster knows is not checked: which Pods are selected, what Istio rejects, and
the defaults of the namespace. The exit code is 1 if apply would deny something.`,
		Example: `  # Inspect and try a module, without a configuration
  wasmc check filter.wasm

  # Try it with the configuration of an AutoWasm, before it is pushed
  wasmc check filter.wasm -f aw.yaml

  # Check AutoWasms with the modules that they name
  wasmc check -f aw.yaml`,
		Args: atMost("FILE|IMAGE"),
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, strings.Join(args, "")), "check")
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`AUTOWASM` in YAML or JSON, or - for standard input")
	flags.StringVar(&o.schema, "schema", "", "`SCHEMA` of the configuration, in a file, in place of that in the module")
	flags.StringVarP(&o.namespace, "namespace", "n", "default", "namespace of AutoWasms that name none")
	bindOutput(command, &o.output)
	o.bind(flags)
	return command
}

func (o *checkOptions) check(target string) error {
	switch {
	case target == "" && o.file == "":
		return usagef("check wants a module, FILE or IMAGE, or AutoWasms: -f AUTOWASM")
	case target == "-" && o.file == "-" || (target == "-" || o.file == "-") && o.passwordStdin:
		return usagef("only one of FILE, -f and --password-stdin can read standard input")
	}
	return o.registryOptions.check()
}

func (o *checkOptions) run(ctx context.Context, s streams, target string) error {
	if err := o.check(target); err != nil {
		return err
	}
	all, err := o.autoWasms(s)
	if err != nil {
		return err
	}
	var wasm []byte
	if target != "" {
		if wasm, err = o.loadModule(ctx, s, target); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
	}
	var reports []*checkReport
	denied := 0
	for _, aw := range all.autoWasms {
		report, err := o.report(ctx, s, all, aw, wasm)
		if err != nil {
			return fmt.Errorf("AutoWasm %s/%s: %w", aw.Namespace, aw.Name, err)
		}
		if len(report.Denied) > 0 {
			denied++
		}
		reports = append(reports, report)
	}
	if err := o.print(s.Out, target, reports); err != nil {
		return err
	}
	switch {
	case denied == 0:
		return nil
	case len(reports) == 1:
		return errors.New("apply would deny it")
	}
	return fmt.Errorf("apply would deny %d of %d", denied, len(reports))
}

// autoWasms are those of the file, or one without any setting.
func (o *checkOptions) autoWasms(s streams) (*manifests, error) {
	if o.file == "" {
		return &manifests{autoWasms: []*v1alpha1.AutoWasm{{}}}, nil
	}
	in, err := openInput(o.file, s.In)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return readManifests(in, o.namespace)
}

// checkReport is what apply would say of an AutoWasm.
type checkReport struct {
	// Name and Namespace of the AutoWasm, absent without one.
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	// SHA256, Size in bytes and ABI of the module.
	SHA256 string `json:"sha256,omitempty"`
	Size   int    `json:"size,omitempty"`
	ABI    string `json:"abi,omitempty"`
	// Denied are the reasons for which apply would deny it, each with its field.
	Denied []string `json:"denied,omitempty"`
	// Warnings that apply would print.
	Warnings []string `json:"warnings,omitempty"`
	// Schema is the reason that the condition ConfigValid would have; absent where the module carries none.
	Schema v1alpha1.Reason `json:"schema,omitempty"`
	// Trial is the outcome of the trial, absent where the module was not tried.
	Trial *trial.Result `json:"trial,omitempty"`
}

func (r *checkReport) deny(err *field.Error) { r.Denied = append(r.Denied, err.Error()) }

// report checks an AutoWasm, with wasm in the place of the module of its source unless that is nil.
func (o *checkOptions) report(
	ctx context.Context, s streams, all *manifests, aw *v1alpha1.AutoWasm, wasm []byte,
) (*checkReport, error) {
	r := &checkReport{Name: aw.Name, Namespace: aw.Namespace}
	if o.file != "" {
		errs, warnings := validation.Validate(aw, validation.Options{})
		r.Warnings = warnings
		for _, err := range errs {
			r.deny(err)
		}
		if len(errs) > 0 {
			return r, nil
		}
	}
	if wasm == nil {
		content, _, err := o.openSource(ctx, s, all, aw, "name the module before -f")
		if wasm, err = readModule(content, err); err != nil {
			return nil, err
		}
	}
	wasm, err := withSchemaFile(wasm, o.schema)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(wasm)
	r.SHA256, r.Size = hex.EncodeToString(hash[:]), len(wasm)
	info, err := module.Inspect(bytes.NewReader(wasm), int64(len(wasm)))
	if err != nil {
		r.deny(field.Invalid(field.NewPath("spec", "filter", "source"), field.OmitValueType{}, err.Error()))
		return r, nil
	}
	r.ABI = info.ABI
	if r.validate(aw, schemaAt(info.Schema, bytes.NewReader(wasm))); len(r.Denied) > 0 {
		return r, nil
	}
	return r, r.try(ctx, aw, wasm)
}

// validate validates the configuration by the schema in the module, as the server does.
func (r *checkReport) validate(aw *v1alpha1.AutoWasm, found *foundSchema) {
	if found == nil {
		return
	}
	result, err := configschema.Result{}, found.usable()
	if err == nil {
		result, err = found.schema.ValidateFilter(&aw.Spec.Filter)
	}
	switch {
	case err != nil:
		r.Schema = v1alpha1.ReasonSchemaNotUsed
		r.Warnings = append(r.Warnings, err.Error())
	case len(result.Errors) > 0:
		r.Schema = v1alpha1.ReasonConfigRefused
	default:
		r.Schema = v1alpha1.ReasonConfigAccepted
	}
	for _, err := range result.Errors {
		r.deny(err)
	}
	r.Warnings = append(r.Warnings, result.Warnings()...)
}

// try tries the module as the server does, in this process: whose machine it is has chosen the module.
func (r *checkReport) try(ctx context.Context, aw *v1alpha1.AutoWasm, wasm []byte) error {
	settings, err := render.SettingsOf(aw, r.SHA256)
	if err != nil {
		return err
	}
	result := trial.Run(ctx, wasm, settings, host.Limits{})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.Trial = &result
	switch result.Verdict() {
	case trial.Refused:
		path, value, remedy := result.Blamed(&aw.Spec)
		if value == nil {
			value = field.OmitValueType{}
		}
		r.deny(field.Invalid(path, value, "the module was tried, and fails: "+result.String()+"; "+remedy))
	case trial.Undecided:
		r.Warnings = append(r.Warnings, "the module was tried without a verdict: "+result.String())
	}
	return nil
}

func (o *checkOptions) print(w io.Writer, target string, reports []*checkReport) error {
	if o.output != outputText {
		return printAs(w, o.output, map[string]any{"checks": reports})
	}
	var out strings.Builder
	for _, r := range reports {
		r.print(&out, target)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// print prints text: what was checked, the verdict, and what it rests on.
func (r *checkReport) print(out *strings.Builder, target string) {
	name, verdict := printable(target), "apply would admit it"
	if r.Name != "" {
		name = "AutoWasm " + r.Namespace + "/" + r.Name
	}
	if len(r.Denied) > 0 {
		verdict = "apply would deny it"
	}
	fmt.Fprintf(out, "%s: %s\n", name, verdict)
	if r.SHA256 != "" {
		fmt.Fprintf(out, "  module: sha256:%s, %d bytes, Proxy-Wasm ABI %s\n", r.SHA256, r.Size, cmp.Or(r.ABI, "unknown"))
	}
	if r.Schema == v1alpha1.ReasonConfigAccepted {
		out.WriteString("  schema: it accepts the configuration\n")
	}
	if r.Trial != nil && r.Trial.Verdict() == trial.Passed {
		fmt.Fprintf(out, "  trial: %s\n", oneLine(r.Trial.String()))
	}
	for _, line := range r.Denied {
		fmt.Fprintf(out, "  denied: %s\n", oneLine(line))
	}
	for _, line := range r.Warnings {
		fmt.Fprintf(out, "  warning: %s\n", oneLine(line))
	}
}
