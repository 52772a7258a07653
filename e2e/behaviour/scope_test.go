// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// rootNamespace is Istio's, which no webhook of wasmer sees.
const rootNamespace = "istio-system"

// TestScopeOfTheRootNamespace: what would run in the proxies of every namespace
// needs an annotation that says so, also in server-side dry runs and updates.
func TestScopeOfTheRootNamespace(t *testing.T) {
	t.Parallel()
	ref, _ := pushed(t, "scope:v1")
	manifest := suite.Manifest{Name: "mesh-wide", Source: suite.Image(ref)}.String()
	permitted := withAnnotation(manifest, `wasm.tcm.io/allow-mesh-wide: "true"`)
	t.Cleanup(func() { deleteMeshWide(t) })

	suite.Eventually(t, func(context.Context) error {
		if _, err := cluster.TryApply(t, rootNamespace, manifest, "--dry-run=server"); err == nil {
			return errors.New("the policy is not in force yet")
		}
		return nil
	})
	words := []string{
		"ValidatingAdmissionPolicy 'wasmer-mesh-wide' with binding 'wasmer-mesh-wide' denied request",
		"metadata.namespace: Forbidden: istio-system is Istio's root namespace, so the filter would run in the proxies of every namespace",
		`set the annotation wasm.tcm.io/allow-mesh-wide to "true" if that is wanted`,
	}
	cluster.Refused(t, rootNamespace, manifest, words...)
	cluster.Refused(t, rootNamespace, withAnnotation(manifest, "wasm.tcm.io/allow-mesh-wide: yes please"), words...)
	cluster.Apply(t, rootNamespace, permitted)
	cluster.WaitPhase(t, rootNamespace, "mesh-wide", v1alpha1.PhaseSynced)
	cluster.Refused(t, rootNamespace, manifest, words...)
	cluster.Apply(t, cluster.Namespace(t), manifest)
}

func withAnnotation(manifest, annotation string) string {
	return strings.Replace(manifest, "metadata: {", "metadata: {annotations: {"+annotation+"}, ", 1)
}

// deleteMeshWide does not wait for its namespace to go, as other tests' do: it stays.
func deleteMeshWide(t *testing.T) {
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, "delete", "autowasm", "mesh-wide", "-n", rootNamespace, "--ignore-not-found"); err != nil {
		t.Errorf("delete the mesh-wide AutoWasm: %v", err)
	}
}
