// Command wasmer is the server of AutoWasm: an admission webhook that defaults
// and validates AutoWasms and generates their EnvoyFilters, a fetcher that brings
// Wasm modules into a store, an HTTP server from which Envoy loads them, and a
// controller that keeps all of it converged.
package main

import (
	"fmt"
	"os"

	// The image holds no file of certificate authorities.
	_ "golang.org/x/crypto/x509roots/fallback"
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
