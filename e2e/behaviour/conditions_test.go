// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestKubectlWait: a script can wait for what kubectl and kstatus know of a status.
// The source answers after the admission, so that there is something to wait for.
func TestKubectlWait(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	slow := holdSource(t, wasmtest.Module(wasmtest.Salt(t.Name())))
	cluster.Apply(t, ns, suite.Manifest{Name: "slow", Source: suite.Object(slow.url, "")}.String())
	slow.release()
	out := kubectl(t, "wait", "-n", ns, "--for=condition=Ready", "aw/slow", suite.TimeoutFlag)
	if want := "autowasm.wasm.tcm.io/slow condition met\n"; out != want {
		t.Errorf("kubectl wait printed %q, want %q", out, want)
	}
	kubectl(t, "wait", "-n", ns, "--for=jsonpath={.status.phase}=Synced", "aw/slow", suite.TimeoutFlag)
	if _, err := cluster.Kubectl(t.Context(), "wait", "-n", ns, "--for=condition=Stalled", "aw/slow", "--timeout=1s"); err == nil {
		t.Error("kubectl wait for Stalled ended well for an AutoWasm that is Ready")
	}
	kubectl(t, "wait", "-n", ns, "--for=condition=ModuleTried", "aw/slow", suite.TimeoutFlag)
	requireConditions(t, ns, "slow", map[string]metav1.ConditionStatus{
		v1alpha1.ConditionReady: metav1.ConditionTrue, v1alpha1.ConditionSourceResolved: metav1.ConditionTrue,
		v1alpha1.ConditionModuleVerified: metav1.ConditionTrue, v1alpha1.ConditionModuleTried: metav1.ConditionTrue,
		v1alpha1.ConditionEnvoyFilterApplied: metav1.ConditionTrue, v1alpha1.ConditionProxiesLoaded: metav1.ConditionUnknown,
		v1alpha1.ConditionRequestsPass: metav1.ConditionUnknown, v1alpha1.ConditionPreflightPassed: metav1.ConditionFalse, // no Pod is selected
	})
}

// TestStalled proves invariant 3 for what fails once the object is there: the
// status says that only a user can help, and why.
func TestStalled(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	slow := holdSource(t, wasmtest.NoABI())
	cluster.Apply(t, ns, suite.Manifest{Name: "stalled", Source: suite.Object(slow.url, "")}.String())
	slow.release()
	kubectl(t, "wait", "-n", ns, "--for=condition=Stalled", "aw/stalled", suite.TimeoutFlag)
	aw := cluster.WaitPhase(t, ns, "stalled", v1alpha1.PhaseFailed)
	if !strings.Contains(aw.Status.Message, "proxy_abi_version") {
		t.Errorf("the status does not say what is missing: %s", aw.Status.Message)
	}
	requireConditions(t, ns, "stalled", map[string]metav1.ConditionStatus{
		v1alpha1.ConditionReady: metav1.ConditionFalse, v1alpha1.ConditionStalled: metav1.ConditionTrue,
		v1alpha1.ConditionSourceResolved: metav1.ConditionUnknown, v1alpha1.ConditionModuleVerified: metav1.ConditionFalse,
		v1alpha1.ConditionEnvoyFilterApplied: metav1.ConditionFalse, v1alpha1.ConditionPreflightPassed: metav1.ConditionFalse,
	})
}

// TestRefusedNeverWas proves invariant 2: a refused AutoWasm has no status to look
// at, since it never existed.
func TestRefusedNeverWas(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	cluster.Refused(t, ns, suite.Manifest{Name: "refused", Source: suite.Image(cluster.Registry + "/not/there:v1")}.String(), "not/there")
	requireNeverWas(t, ns, "refused")
	_, err := cluster.Kubectl(t.Context(), "get", "aw", "refused", "-n", ns)
	if err == nil || !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("kubectl get of a refused AutoWasm: %v", err)
	}
}

// requireConditions compares all conditions of an AutoWasm, each of which must
// speak of its present generation.
func requireConditions(t *testing.T, ns, name string, want map[string]metav1.ConditionStatus) {
	t.Helper()
	aw, err := cluster.AutoWasm(t.Context(), ns, name)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]metav1.ConditionStatus{}
	for _, c := range aw.Status.Conditions {
		got[c.Type] = c.Status
		if c.ObservedGeneration != aw.Generation {
			t.Errorf("%s speaks of generation %d, not of %d", c.Type, c.ObservedGeneration, aw.Generation)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions of %s (-want +got)\n%s", name, diff)
	}
}

// kubectl runs kubectl, which must succeed, and returns its standard output.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out.Stdout
}
