// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// istiodsWords are how istiod refuses an EnvoyFilter with a type that does not exist.
var istiodsWords = []string{`admission webhook "validation.istio.io" denied the request: configuration is invalid`, "no.such.Type"}

// spoiling is a policy that changes the EnvoyFilters of a namespace into what istiod refuses: nothing that an AutoWasm
// can say does.
const spoiling = `apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
    resourceRules: [{apiGroups: [networking.istio.io], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [envoyfilters]}]
  reinvocationPolicy: Never
  failurePolicy: Fail
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        [JSONPatch{op: "replace", path: "/spec/configPatches/0/patch/value/typedConfig/@type", value: "type.googleapis.com/no.such.Type"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s}
`

// TestIstiodRefuses: what istiod says of an EnvoyFilter is read by the user who made the AutoWasm: of a new one and of
// a changed one at kubectl apply, of one whose module came later in its status. Nothing of it reaches the mesh.
func TestIstiodRefuses(t *testing.T) {
	ns, image := cluster.Namespace(t), pushExample(t, "istiod-refuses")
	manifest := func(name string) suite.Manifest { return suite.Manifest{Name: name, Source: suite.Image(image)} }
	later := manifest("later")
	later.Secret = "to-come"
	cluster.Apply(t, ns, manifest("runs").String())
	cluster.Apply(t, ns, later.String())
	runs := cluster.WaitPhase(t, ns, "runs", v1alpha1.PhaseSynced)
	cluster.WaitPhase(t, ns, "later", v1alpha1.PhasePending)
	spoil(t, ns, manifest("probe").String())

	cluster.Refused(t, ns, manifest("new").String(), append(istiodsWords, `AutoWasm "new"`, "spec.filter")...)
	changed := manifest("runs")
	changed.Filter = "config: other"
	cluster.Refused(t, ns, changed.String(), append(istiodsWords, `AutoWasm "runs"`, "spec.filter")...)
	cluster.PullSecret(t, ns, "to-come", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	failed := cluster.WaitPhase(t, ns, "later", v1alpha1.PhaseFailed)
	for _, word := range istiodsWords {
		if !strings.Contains(failed.Status.Message, word) {
			t.Errorf("the status does not say %q: %s", word, failed.Status.Message)
		}
	}
	requireOnly(t, ns, "runs", runs)
}

// spoil makes istiod refuse the EnvoyFilters of a namespace until the test is over.
func spoil(t *testing.T, ns, probe string) {
	t.Helper()
	policy := fmt.Sprintf(spoiling, ns)
	cluster.Apply(t, ns, policy)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := cluster.KubectlInput(ctx, policy, "delete", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
	suite.Eventually(t, func(context.Context) error {
		if _, err := cluster.TryApply(t, ns, probe, "--dry-run=server"); err == nil {
			return fmt.Errorf("the policy is not in force yet")
		}
		return nil
	})
}

// requireOnly requires that a namespace has one EnvoyFilter, and that it is as it was made for an AutoWasm.
func requireOnly(t *testing.T, ns, name string, aw *v1alpha1.AutoWasm) {
	t.Helper()
	names, err := cluster.Kubectl(t.Context(), "get", "envoyfilters", "-n", ns, "-o", "name")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(names.Stdout), "envoyfilter.networking.istio.io/"+name; got != want {
		t.Errorf("the EnvoyFilters are %q, want %q", got, want)
	}
	ef, err := cluster.EnvoyFilter(t.Context(), ns, name)
	if err != nil {
		t.Fatal(err)
	}
	if ef.Generation != aw.Status.EnvoyFilter.Generation {
		t.Errorf("the EnvoyFilter is of generation %d, want %d", ef.Generation, aw.Status.EnvoyFilter.Generation)
	}
}
