// Command wasmc is the client of AutoWasm. Like docker, it pushes modules to OCI
// registries and pulls them; it also shows what an image or a file holds, and what
// the server would make of an AutoWasm.
//
// Results go to standard output, all else to standard error. The exit code is 0,
// 1 when a command failed, or 2 when it was called wrongly.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	code := run(ctx, streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}
