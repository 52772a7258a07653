// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/filtertest"
	"github.com/autowasm/autowasm/host"
)

// The formats of wasmc test besides those of others.
const (
	outputTAP   = "tap"
	outputJUnit = "junit"
)

type testOptions struct {
	registryOptions
	files  []string
	config string
	rootID string
	env    []string
	output string
	watch  bool
}

func newTestCommand(s streams) *cobra.Command {
	o := &testOptions{}
	command := &cobra.Command{
		Use:   "test [FILE|IMAGE] -f TESTS",
		Short: "Run test cases through a filter, as Envoy would",
		Long: `Run the cases of test files through a filter: what comes to it, and what has to become of
that. No proxy is needed, and nothing is sent anywhere.

The format is that of Google's Service Extensions (plugins/test/runner.proto): text
protobuf, or YAML with the same fields. Each case runs in a virtual machine of its own.
Without FILE or IMAGE the module is env.wasm_path of the test file.

The exit code is 0 if all cases passed, 1 if one failed, and 2 if they could not be run.`,
		Example: `  # Run the cases of a file
  wasmc test filter.wasm -f tests.textpb

  # Run them with a configuration and a rootID, as an AutoWasm has them
  wasmc test filter.wasm -f tests.yaml --config config.json --root-id add_header

  # Run them again whenever one of the files changes
  wasmc test filter.wasm -f tests.yaml --watch

  # Write a report for a CI system
  wasmc test registry.example/team/filter:v1 -f tests.yaml -o junit > report.xml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("test takes at most FILE|IMAGE: name %s with -f if it has cases", args[1])
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, strings.Join(args, "")), "test")
		},
	}
	flags := command.Flags()
	flags.StringArrayVarP(&o.files, "file", "f", nil, "`TESTS` in text protobuf or YAML; may be repeated")
	flags.StringVar(&o.config, "config", "", "`FILE` with the plugin's configuration; goes before env.config_path")
	flags.StringVar(&o.rootID, "root-id", "", "rootID of the plugin; goes before env.root_id")
	flags.StringArrayVar(&o.env, "env", nil, "environment variable `NAME=VALUE` besides env.variable; may be repeated")
	flags.BoolVarP(&o.watch, "watch", "w", false, "go on, and run the cases again whenever a file changes")
	bindOutputs(command, &o.output, outputText, outputTAP, outputJUnit, outputJSON, outputYAML)
	o.bind(flags)
	return command
}

func (o *testOptions) check(target string) error {
	if len(o.files) == 0 {
		return usagef("test wants the cases: -f TESTS")
	}
	if err := checkEnv(o.env); err != nil {
		return err
	}
	if o.watch && (o.output != outputText || target == "-") {
		return usagef("--watch prints text, and reads files: leave out -o and -")
	}
	return o.registryOptions.check()
}

func (o *testOptions) run(ctx context.Context, s streams, target string) error {
	if err := o.check(target); err != nil {
		return err
	}
	if o.watch {
		return o.rerun(ctx, s, target)
	}
	_, err := o.once(ctx, s, target)
	return err
}

// once runs all cases and prints what came of them. It returns the files that it read.
func (o *testOptions) once(ctx context.Context, s streams, target string) ([]string, error) {
	read := &testRun{options: o, streams: s}
	defer read.close(ctx)
	var suites []filtertest.Suite
	for _, path := range o.files {
		suite, err := read.suite(ctx, target, path)
		if err != nil {
			return read.paths, untestedError{err}
		}
		suites = append(suites, suite)
	}
	report := filtertest.NewReport(suites...)
	if err := printReport(s.Out, o.output, report); err != nil {
		return read.paths, untestedError{err}
	}
	if report.Failed > 0 {
		return read.paths, fmt.Errorf("%d of %d cases failed", report.Failed, report.Failed+report.Passed)
	}
	return read.paths, nil
}

func printReport(w io.Writer, output string, report *filtertest.Report) error {
	switch output {
	case outputText:
		return report.Print(w)
	case outputTAP:
		return report.PrintTAP(w)
	case outputJUnit:
		return report.PrintJUnit(w)
	}
	return printAs(w, output, report)
}

// testRun is one run of all cases: each module of it is compiled once.
type testRun struct {
	options *testOptions
	streams streams
	paths   []string // that were read
	target  string
	module  *host.Module
}

func (r *testRun) close(ctx context.Context) {
	if r.module != nil {
		_ = r.module.Close(ctx)
	}
}

func (r *testRun) suite(ctx context.Context, target, path string) (filtertest.Suite, error) {
	r.paths = append(r.paths, path)
	f, err := filtertest.Read(path)
	if err != nil {
		return filtertest.Suite{}, err
	}
	r.paths = append(r.paths, f.Inputs...)
	if target == "" && f.Module == "" {
		return filtertest.Suite{}, fmt.Errorf("which module to test: wasmc test FILE -f %s, or env.wasm_path in the file", path)
	}
	if target == "" {
		target = f.Module
	}
	if err := r.compile(ctx, target); err != nil {
		return filtertest.Suite{}, fmt.Errorf("%s: %w", target, err)
	}
	options, err := r.settings(target)
	if err != nil {
		return filtertest.Suite{}, err
	}
	return f.Run(ctx, r.module, options)
}

// settings are those of the command line.
func (r *testRun) settings(target string) (filtertest.Options, error) {
	options := filtertest.Options{Module: target, RootID: r.options.rootID, Env: envPairs(r.options.env)}
	if r.options.config == "" {
		return options, nil
	}
	r.paths = append(r.paths, r.options.config)
	content, err := readConfig(r.options.config)
	options.Configuration = content // not nil, which would be that of the file
	return options, wrap(err, "read --config")
}

// compile compiles a module, unless it is the last one.
func (r *testRun) compile(ctx context.Context, target string) error {
	if r.target == target {
		return nil
	}
	wasm, err := r.load(ctx, target)
	if err != nil {
		return err
	}
	compiled, err := host.Compile(ctx, wasm, host.Interpreter)
	if err != nil {
		return err
	}
	r.close(ctx)
	r.target, r.module = target, compiled
	return nil
}

// load reads a module from a file or an image.
func (r *testRun) load(ctx context.Context, target string) ([]byte, error) {
	if isImage, err := namesImage(target); err == nil && !isImage && target != "-" {
		r.paths = append(r.paths, target)
	}
	return r.options.loadModule(ctx, r.streams, target)
}
