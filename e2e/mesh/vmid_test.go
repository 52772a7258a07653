// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestTwoModulesUnderOneVMID proves why the rendered vm_id carries the module's digest: Envoy finds a running virtual
// machine by its id before it has loaded the code, and runs it without comparing. When this test fails, Envoy compares.
func TestTwoModulesUnderOneVMID(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "shared", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		first, second := twoFilters(t, w, "same")
		first.apply(t)
		waitForAnswer(t, w.URL(InboundPort), "200 earth")
		second.apply(t)
		waitForAnswer(t, w.URL(InboundPort), "200 earth,earth") // the second runs the first's code
	})
}

// TestModuleUpdateUnderOneVMID is the same trap at an update: the old code goes on under the new module's name.
func TestModuleUpdateUnderOneVMID(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "stale", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		f, _ := twoFilters(t, w, "same")
		f.apply(t)
		waitForAnswer(t, w.URL(InboundPort), "200 earth")
		asked := f.server.requests()
		f.module = f.server.module("marsx")
		f.apply(t)
		f.server.waitForRequests(asked + chains)
		requireStays(t, w.URL(InboundPort), "200 earth", 3*time.Second) // it was loaded, and is not run
	})
}

// TestRenderedVMID: with the id that AutoWasm renders each filter runs its own module, after an update as well.
func TestRenderedVMID(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "rendered", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		first, second := twoFilters(t, w, "")
		first.apply(t)
		waitForAnswer(t, w.URL(InboundPort), "200 earth")
		second.apply(t)
		waitThrough(t, w.URL(InboundPort), "200 earth", "200 marsx,earth") // responses pass the filters backwards
		first.delete(t)
		waitThrough(t, w.URL(InboundPort), "200 marsx,earth", "200 marsx")
		second.module = second.server.module("venus")
		second.apply(t)
		waitThrough(t, w.URL(InboundPort), "200 marsx", "200 venus")
	})
}

// twoFilters are two of different modules for one workload, with one server.
func twoFilters(t *testing.T, w *Workload, vmID string) (first, second byHand) {
	t.Helper()
	s := serveModules(t, w.Name+"-modules", "earth", "marsx", "venus")
	first = byHand{
		name: w.Name + "-first", workload: w, server: s, module: s.module("earth"),
		policy: v1alpha1.FailClosed, retries: 3, vmID: vmID,
	}
	second = first
	second.name, second.module = w.Name+"-second", s.module("marsx")
	return first, second
}
