// SPDX-License-Identifier: Apache-2.0

// Command kube is the rest of Kubernetes that a cluster with nodes needs beside command controlplane: kubelet, kube-proxy,
// kube-scheduler and the whole kube-controller-manager, in one binary, built from their Go modules at the versions in
// go.mod. It is one program or another by its first argument, or by the name that it is called by.
//
//	kube kubelet --config …
//
// They are a module of their own since they bring in the volume plugins, the container runtime's interface and cAdvisor,
// which take minutes to compile, and which `make demo` has no use for. What they share with the control plane is compiled
// once: both have the same versions of everything.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs are the parts by the name that they are called by.
var programs = map[string]func() *cobra.Command{
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kube-controller-manager": manager.NewControllerManagerCommand,
}

func main() {
	program, ok := pick()
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: kube kubelet|kube-proxy|kube-scheduler|kube-controller-manager [argument]...")
		os.Exit(2)
	}
	os.Exit(cli.Run(program()))
}

// pick finds the program by the name of the binary or else by the first argument, which it then takes out of os.Args.
func pick() (func() *cobra.Command, bool) {
	if program, ok := programs[filepath.Base(os.Args[0])]; ok {
		return program, true
	}
	if len(os.Args) < 2 {
		return nil, false
	}
	program, ok := programs[os.Args[1]]
	if ok {
		os.Args = os.Args[1:]
	}
	return program, ok
}
