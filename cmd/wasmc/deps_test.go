// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies: wasmc is a client of registries, and reads few kinds of objects. What the server needs to watch a
// cluster, or all of Kubernetes' types, would make it several times as large.
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
		for _, unwanted := range []string{"sigs.k8s.io/controller-runtime", "k8s.io/client-go/kubernetes", "k8s.io/client-go/informers", "k8s.io/client-go/dynamic", "k8s.io/api/core", "istio.io/istio"} {
			if path == unwanted || strings.HasPrefix(path, unwanted+"/") {
				t.Errorf("wasmc depends on %s", path)
			}
		}
	}
}
