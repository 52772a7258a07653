// Command wasmer is the server of AutoWasm: an admission webhook that defaults
// and validates AutoWasms and generates their EnvoyFilters, a fetcher that brings
// Wasm modules into a store, an HTTP server from which Envoy loads them, and a
// controller that keeps all of it converged.
package main

import (
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
)

// version is set by the linker.
var version = "dev"

func main() {
	command := newCommand(run)
	if err := command.ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "wasmer:", err)
		os.Exit(1)
	}
}
