// SPDX-License-Identifier: Apache-2.0

// Command pause holds a Pod's namespaces: it waits to be asked to end. What a Pod with one process namespace leaves
// behind is reaped by the kernel.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signal.Ignore(syscall.SIGCHLD)
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	<-ends
}
