// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestStatusBeforeTheController proves invariant 3: an AutoWasm that no controller
// has seen says so, which kubectl wait and GitOps tools take for "not ready yet"; the
// controller makes good for it when it comes.
func TestStatusBeforeTheController(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "unseen:v1")
	restart(t, "--controller=false")
	restartAfter(t)
	cluster.Apply(t, ns, suite.Manifest{Name: "unseen", Source: suite.Image(ref)}.String())
	aw, err := cluster.AutoWasm(t.Context(), ns, "unseen")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v1alpha1.AutoWasmStatus{ObservedGeneration: -1}, aw.Status); diff != "" {
		t.Errorf("the status of a new AutoWasm (-want +got)\n%s", diff)
	}
	if _, err := cluster.Kubectl(t.Context(), "wait", "-n", ns, "--for=condition=Ready", "aw/unseen", "--timeout=1s"); err == nil {
		t.Error("kubectl wait took an AutoWasm that nobody has seen for ready")
	}
	restart(t)
	cluster.WaitPhase(t, ns, "unseen", v1alpha1.PhaseSynced)
}
