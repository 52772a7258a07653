// SPDX-License-Identifier: Apache-2.0

// Command istio-cni is Istio's CNI plugin, which sets up the interception of a Pod's traffic when its network is made, built
// from its Go module at the version in go.mod. Called install-cni it is Istio's program that installs the plugin on a node:
// in one binary they share what they have in common.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"istio.io/istio/cni/pkg/cmd"
	"istio.io/istio/cni/pkg/plugin"
	"istio.io/istio/pkg/log"
)

func main() {
	run := runPlugin
	if filepath.Base(os.Args[0]) == "install-cni" {
		run = install
	}
	if err := run(); err != nil {
		os.Exit(1)
	}
}

// install puts the plugin on the node and keeps it there until it is asked to end. It prints its errors itself.
func install() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cmd.GetCommand().ExecuteContext(ctx)
}

// runPlugin is one call of the plugin, whose errors its caller reads from its output.
func runPlugin() error {
	if err := log.Configure(plugin.GetLoggingOptions(nil)); err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // what install-cni does not take is lost
	functions := skel.CNIFuncs{Add: plugin.CmdAdd, Check: plugin.CmdCheck, Del: plugin.CmdDelete}
	err := skel.PluginMainFuncsWithError(functions, version.All, "Istio's CNI plugin")
	if err == nil {
		return nil // an *types.Error that is nil is no error
	}
	log.Errorf("the plugin failed: %v", err)
	return err.Print()
}
