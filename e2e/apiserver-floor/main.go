// SPDX-License-Identifier: Apache-2.0

// Command apiserver-floor is kube-apiserver of the oldest Kubernetes that is supported, built from its Go module at the
// version in go.mod. An environment starts it as it starts the one of module controlplane, which also has the
// controllers and kubectl that go with either:
//
//	apiserver-floor kube-apiserver --etcd-servers …
package main

import (
	"fmt"
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] != "kube-apiserver" {
		fmt.Fprintln(os.Stderr, "usage: apiserver-floor kube-apiserver [argument]...")
		os.Exit(2)
	}
	os.Args = os.Args[1:]
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
