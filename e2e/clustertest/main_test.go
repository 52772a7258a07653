//go:build cluster

package clustertest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/autowasm/autowasm/e2e/env"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), env.Timeout)
	defer cancel()
	if err := install(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "install AutoWasm:", err)
		return 1
	}
	return m.Run()
}

// install installs wasmer as a user does and waits until all of its replicas are ready.
func install(ctx context.Context) error {
	if manifests := os.Getenv("AUTOWASM_MANIFESTS"); manifests != "" {
		if _, err := runKubectl(ctx, "", "apply", "-k", manifests); err != nil {
			return err
		}
	}
	_, err := runKubectl(ctx, "", "rollout", "status", "-n", "istio-system", "deployment/wasmer", "--timeout="+env.Timeout.String())
	return err
}
