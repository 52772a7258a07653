// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestDependencies: the rules, the rendering and the API know no cluster and no network.
// Of ours they depend on the words that all packages share, and on nothing else.
func TestDependencies(t *testing.T) {
	const ours = "github.com/autowasm/autowasm/"
	allowed := []string{"api/v1alpha1", "internal/istio", "internal/text", "render", "validation"}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "../render", "../api/v1alpha1").Output()
	if err != nil {
		t.Fatalf("go list -deps: %v", err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		own, isOurs := strings.CutPrefix(path, ours)
		if isOurs && !slices.Contains(allowed, own) {
			t.Errorf("%s is among the dependencies", path)
		}
		for _, unwanted := range []string{"sigs.k8s.io/controller-runtime/", "k8s.io/client-go/", "github.com/google/go-containerregistry/pkg/v1/remote"} {
			if strings.HasPrefix(path, unwanted) {
				t.Errorf("%s is among the dependencies", path)
			}
		}
	}
}
