// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// TestIstiodRefusesAnInvalidEnvoyFilter, whoever makes it, in its own words.
func TestIstiodRefusesAnInvalidEnvoyFilter(t *testing.T) {
	_, err := cluster.KubectlInput(t.Context(), invalidFilter, "apply", "-f", "-")
	const want = `admission webhook "validation.istio.io" denied the request: configuration is invalid`
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "no.such.Type") {
		t.Errorf("kubectl apply: %v, want %s", err, want)
	}
}

// TestIstiodIsAway: an AutoWasm is accepted and says who could not be asked; its EnvoyFilter comes when istiod does.
func TestIstiodIsAway(t *testing.T) {
	w := workload(t, "orphan")
	image := pushExample(t, "orphan")
	if err := mesh.Istiod.Stop(); err != nil {
		t.Fatal(err)
	}
	out, applyErr := cluster.TryApply(t, namespace, tutorial.Manifest{Name: "orphan", App: "orphan", Image: image}.String())
	if err := mesh.Istiod.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteAutoWasm(t, "orphan") })
	if applyErr != nil || !strings.Contains(out.Stderr, "validation.istio.io") {
		t.Errorf("kubectl apply while istiod is away: %v, %q, want a warning that names istiod's webhook", applyErr, out.Stderr)
	}
	cluster.WaitPhase(t, namespace, "orphan", v1alpha1.PhaseSynced)
	suite.Eventually(t, func(ctx context.Context) error {
		return hasFilter(ctx, w, "autowasm.default.orphan")
	})
}
