package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func pullSecret(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: testKey.Namespace, Name: name}}
}

// A change of the pull secret fetches nothing while the module is pinned, so that nothing fails when the Secret does
// not exist; but the status says so.
func TestAMissingSecretIsReportedWhileTheModuleRuns(t *testing.T) {
	const pinned = "pinned to reg.example/filter@sha256:"
	h := newHarness(t, autoWasm())
	h.mustReconcile()
	before := h.envoyFilter().GetAnnotations()["wasm.tcm.io/module"]
	h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "absent" })
	h.mustReconcile()

	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectSource(pinned + shaA + "; Secret absent does not exist: the module stays in use, but it cannot be fetched again, nor another, before you create the Secret")
	if got := h.envoyFilter().GetAnnotations()["wasm.tcm.io/module"]; got != before {
		t.Errorf("module = %s, want the one that ran", got)
	}
	h.expectConverged()

	if err := h.client.Create(t.Context(), pullSecret("absent")); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	h.expectSource(pinned + shaA)
	h.expectConverged()
}

func TestAPullSecretThatCannotBeReadIsNoFailure(t *testing.T) {
	aw := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "regcred" })
	if got := missingSecret(t.Context(), unreachable{}, aw); got != "" {
		t.Errorf("got %q", got)
	}
}

// expectSource compares the message of SourceResolved, which must be True.
func (h *harness) expectSource(want string) {
	h.t.Helper()
	c := meta.FindStatusCondition(h.autoWasm().Status.Conditions, v1alpha1.ConditionSourceResolved)
	if c == nil || c.Status != metav1.ConditionTrue || c.Message != want {
		h.t.Errorf("SourceResolved = %+v, want it True with %q", c, want)
	}
}
