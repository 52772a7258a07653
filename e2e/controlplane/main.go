// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/component-base/cli"
	kubectlcli "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	kubeapiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// programs are the parts of the control plane by the name that they are called by.
var programs = map[string]func() int{
	"kube-apiserver": apiServer,
	"controllers":    controllers,
	"kubectl":        kubectl,
}

func main() {
	run, ok := pick()
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: controlplane kube-apiserver|controllers|kubectl [argument]...")
		os.Exit(2)
	}
	os.Exit(run())
}

// pick finds the program by the name of the binary, so that a symbolic link works as the program itself, and
// else by the first argument, which it then takes out of os.Args: the programs see what they would see alone.
func pick() (func() int, bool) {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if run, ok := programs[name]; ok {
		return run, true
	}
	if len(os.Args) < 2 {
		return nil, false
	}
	run, ok := programs[os.Args[1]]
	if ok {
		os.Args = os.Args[1:]
	}
	return run, ok
}

func apiServer() int { return cli.Run(kubeapiserver.NewAPIServerCommand()) }

func controllers() int {
	if err := runControllers(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "controllers:", err)
		return 1
	}
	return 0
}

func kubectl() int {
	if err := cli.RunNoErrOutput(kubectlcli.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints the error as kubectl does and ends the process
	}
	return 0
}
