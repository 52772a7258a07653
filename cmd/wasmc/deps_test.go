package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies: wasmc is a client of registries. What the server needs to watch a
// cluster would make it several times as large.
func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list -deps: %v", err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Fatalf("go list -deps: %d packages", len(packages))
	}
	for _, path := range packages {
		for _, unwanted := range []string{"sigs.k8s.io/controller-runtime", "k8s.io/client-go", "istio.io/istio"} {
			if path == unwanted || strings.HasPrefix(path, unwanted+"/") {
				t.Errorf("wasmc depends on %s", path)
			}
		}
	}
}
