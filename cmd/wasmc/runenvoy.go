// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/internal/download"
	"github.com/autowasm/autowasm/internal/envoy"
	"github.com/autowasm/autowasm/internal/localenvoy"
)

// superviseCommand is how wasmc calls itself to run Envoy.
const superviseCommand = "supervise-envoy"

// newSuperviseCommand is not for users: it ends Envoy when the wasmc that runs the filter is gone.
func newSuperviseCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:                superviseCommand + " DIR ENVOY ARGS...",
		Short:              "Run the Envoy of wasmc run",
		Hidden:             true,
		DisableFlagParsing: true,
		Args:               cobra.MinimumNArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			ended, err := localenvoy.Supervise(command.Context(), s.In, args[0], args[1:])
			switch {
			case err != nil:
				fmt.Fprintln(s.Out, err)
			case ended:
				fmt.Fprintln(s.Out, "exit status 0")
			}
			return nil
		},
	}
}

// inEnvoy is a filter in Envoy before a server of wasmc.
type inEnvoy struct {
	*localenvoy.Proxy
	upstream *served
}

func (e *inEnvoy) Load(ctx context.Context, wasm, config []byte) (failure string, err error) {
	return refusal(e.Proxy.Load(ctx, wasm, config))
}

// refusal returns why Envoy refuses a filter, and any other error.
func refusal(err error) (failure string, other error) {
	if refused, ok := errors.AsType[*localenvoy.RefusedError](err); ok {
		return refused.Error(), nil
	}
	return "", err
}

func (e *inEnvoy) Close() {
	e.Proxy.Close()
	e.upstream.Close()
}

func (o *runOptions) startEnvoy(ctx context.Context, p *printer, wasm, config []byte) (r runner, failure string, err error) {
	if err := checkPort(o.port); err != nil { // before a download
		return nil, "", err
	}
	binary, err := findEnvoy(ctx, p.streams.Err)
	if err != nil {
		return nil, "", hintedError{
			fmt.Errorf("there is no Envoy to run: %w", err),
			"run the filter in wasmc itself with --host, where bodies pass whole and call-outs fail; docs/wasmc.md has all that differs",
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find wasmc itself: %w", err)
	}
	upstream, err := o.serveUpstream(p)
	if err != nil {
		return nil, "", err
	}
	proxy, err := localenvoy.Start(ctx, localenvoy.Options{
		Binary: binary, Supervisor: []string{self, superviseCommand}, Port: int(o.port), Upstream: upstream.address,
		RootID: o.rootID, Env: envPairs(o.env), LogLevel: o.logLevel,
		Line: func(line localenvoy.Line) { p.envoy(line) },
	}, wasm, config)
	if failure, err = refusal(err); err != nil {
		upstream.Close()
		return nil, "", err
	}
	return &inEnvoy{proxy, upstream}, failure, nil
}

// findEnvoy finds an Envoy, or downloads one and says so.
func findEnvoy(ctx context.Context, progress io.Writer) (string, error) {
	dir, err := download.CacheDir()
	if err != nil {
		return "", err
	}
	announce := func(what string) func(error) {
		fmt.Fprintf(progress, "wasmc: %s\n", what)
		return func(error) {}
	}
	return envoy.Find(ctx, download.Cache{Dir: dir, Announce: announce}, envoy.Newest)
}
