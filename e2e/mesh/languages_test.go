// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/internal/envoy"
)

// TestLanguagesOnEachEnvoy runs the example filters of other languages than Go on each Envoy, alone and together.
func TestLanguagesOnEachEnvoy(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "languages", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		c := workloadCases(t, w)
		assembly, rust, golang := pushFilter(t, w.Name, "assemblyscript"), pushFilter(t, w.Name, "rust"), pushExample(t, w.Name)
		onPort := func(language, image, filter string) autoWasm {
			return onWorkload(w, w.Name+"-"+language, image, "applyPorts: [9080], "+filter)
		}
		saying := func(values string) answers { return alone.but(answers{inbound: "200 " + values}) }

		first := onPort("assemblyscript", assembly, "rootID: add_header")
		c.step(t, "AssemblyScript", saying("world!"), func() { first.apply(t) })
		first = onPort("assemblyscript", assembly, "rootID: add_header, config: script")
		c.step(t, "AssemblyScript, configured", saying("script"), func() { first.apply(t) })
		c.step(t, "no AssemblyScript", alone, func() { first.delete(t) })

		second := onPort("rust", rust, "priority: 1")
		c.step(t, "Rust", saying("world"), func() { second.apply(t) })
		second = onPort("rust", rust, "config: crab, priority: 1")
		c.step(t, "Rust, configured", saying("crab"), func() { second.apply(t) })

		third := onPort("go", golang, "config: gopher, priority: 2")
		c.gradual(t, "all languages", saying("gopher,crab,script"), func() { applyAll(t, first, third) })
		c.gradual(t, "none", alone, func() { deleteAll(t, first, second, third) })
	})
}

// TestUnknownRootID asks the AssemblyScript filter for a plugin that it did not register. It traps at its start, which a
// proxy takes as it takes any trap: the port answers by the failure policy while the module is new to the proxy, and
// later the listener is refused. The right rootID repairs both.
func TestUnknownRootID(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "root", func(t *testing.T, w *Workload, v envoy.Version) {
		p := sidecar(t, w, ProxyOptions{Envoy: v})
		c, image := workloadCases(t, w), pushFilter(t, w.Name, "assemblyscript")
		asking := func(root string) autoWasm { return onWorkload(w, w.Name, image, "applyPorts: [9080], "+root) }
		world := alone.but(answers{inbound: "200 world!"})
		wrong, right := asking("rootID: another"), asking("rootID: add_header")
		c.step(t, "a rootID that it did not register", alone.but(answers{inbound: "503"}), func() { wrong.apply(t) })
		c.step(t, "the right one", world, func() { right.apply(t) })
		c.step(t, "no rootID", world, func() { waitUntilRejected(t, p, func() { asking("").apply(t) }) })
		c.step(t, "the right one again", world, func() { right.apply(t); waitUntilAccepted(t, p) })
		c.step(t, "none", alone, func() { right.delete(t) })
	})
}

// pushFilter pushes the committed filter of a language.
func pushFilter(t *testing.T, repository, language string) string {
	t.Helper()
	return pushFile(t, repository+"-"+language, filepath.Join(cluster.Checkout, "examples", "add-header-"+language, "add-header.wasm"))
}
