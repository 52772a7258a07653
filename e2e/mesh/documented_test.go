// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/internal/doctest"
)

// TestDocumentedEnvironment runs what is for users of make up, which has the same parts: here make only finds out that it has
// the targets. The service details is one of this test's own.
func TestDocumentedEnvironment(t *testing.T) {
	t.Parallel()
	w := workload(t, "documented")
	sidecar(t, w, ProxyOptions{})
	s, bin := cluster.Documented(t, namespace)
	doctest.DryMake(t, cluster.Checkout, bin)
	doctest.Links(t, cluster.Checkout, s.Dir, "bin")
	variables := append([]env.Variable{{Name: "ENVOY_INBOUND_URL", Value: w.URL(InboundPort)}}, cluster.Variables()...)
	file := filepath.Join(s.Dir, ".local", "env")
	suite.WriteFile(t, s.Dir, ".local/env", nil)
	if err := env.WriteVariables(file, variables); err != nil {
		t.Fatal(err)
	}
	s.Stands = []string{"name: test", "name: documented", "aw test", "aw documented", "app: details", "app: " + w.Name}
	t.Cleanup(func() { deleteAutoWasm(t, "documented") })
	s.Run(t, doctest.Section("environment"))
}

// TestDocumentedStatus shows an AutoWasm whose module traps at its start. The namespace has those of other tests, too, so
// that -A has to be this one.
func TestDocumentedStatus(t *testing.T) {
	t.Parallel()
	w := workload(t, "shown")
	sidecar(t, w, ProxyOptions{})
	trap := wasmtest.Module(wasmtest.Export("proxy_on_vm_start", "ii:i"), wasmtest.Salt("shown"))
	image := pushModule(t, "team/add-header:v1", trap)
	cluster.Apply(t, namespace, tutorial.Manifest{Name: "shown", App: w.Name, Image: image}.String())
	t.Cleanup(func() { deleteAutoWasm(t, "shown") })
	waitSummary(t, autoWasm{name: "shown"}, failed(v1alpha1.ReasonProxyStartFailed))
	s, bin := cluster.Documented(t, namespace)
	suite.Link(t, cluster.Binaries().Wasmc, filepath.Join(bin, "kubectl-wasmc"))
	s.Stands = append(s.Stands, "status test", "status shown", "status -A", "status shown")
	s.Shown = []string{"default/details-1", "default/shown-1", "details-1", "shown-1", "default/test", "default/shown", "app=details", "app=shown", "get aw test", "get aw shown"}
	s.Run(t, doctest.Section("status"))
}
