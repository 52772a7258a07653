//go:build !linux

// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a cluster with nodes, which needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "cluster: nodes are network and mount namespaces, which only Linux has")
	os.Exit(1)
}
