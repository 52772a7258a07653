// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestTraps applies a module that traps at its start. While a proxy has to load the module it takes the listener, and
// finds out then: the filter's port answers by the failure policy. When the proxy has the module it refuses the
// listener, and the former one goes on. No other port notices.
func TestTraps(t *testing.T) {
	c := detailsCases(t)
	for policy, want := range map[string]string{"FailClosed": "503", "FailReload": "503", "FailOpen": "200"} {
		for _, at := range []struct{ what, function string }{{"start", "proxy_on_vm_start"}, {"configure", "proxy_on_configure"}} {
			name := strings.ToLower("traps-" + policy + "-" + at.what)
			unique := fmt.Sprintf("%s:v%d", name, time.Now().UnixNano()) // new to the proxy, however often the test runs
			module := wasmtest.Module(wasmtest.Export(at.function, "ii:i"), wasmtest.Salt(unique))
			a := onDetails(name, pushModule(t, unique, module), "applyPorts: [9081], failurePolicy: "+policy)
			remove := func() { a.delete(t); waitUntilForgotten(t, mesh.Sidecar, module) }
			c.step(t, name, plain.but(answers{other: want}), func() { a.apply(t); waitUntilHeard(t, mesh.Sidecar, module) })
			c.step(t, name+" is deleted", plain, remove)
			c.step(t, name+" again", plain, func() { waitUntilRejected(t, mesh.Sidecar, func() { a.apply(t) }) })
			c.step(t, name+" is deleted again", plain, remove)
		}
	}
}

// TestRefusedConfiguration: the same holds for a module that refuses its configuration. The refused listener is refused
// with whatever else is new in it, until the configuration is repaired.
func TestRefusedConfiguration(t *testing.T) {
	c, image := detailsCases(t), pushModule(t, "refuses:v1", largeModuleSaying(t, "pluto"))
	const refused = `applyPorts: [9081], config: {header: "x y"}`
	bad, good := onDetails("refuses", image, refused), onDetails("refuses", image, "applyPorts: [9081]")
	second := onDetails("waits", image, "applyPorts: [9081], config: moon, priority: 1")
	pluto := plain.but(answers{other: "200 pluto"})
	c.step(t, "new to the proxy", plain.but(answers{other: "503"}), func() { bad.apply(t) })
	c.step(t, "repaired", pluto, func() { good.apply(t) })
	c.step(t, "known to the proxy", pluto, func() { waitUntilRejected(t, mesh.Sidecar, func() { bad.apply(t) }) })
	c.step(t, "a second filter waits", pluto, func() { waitUntilRejected(t, mesh.Sidecar, func() { second.apply(t) }) })
	c.step(t, "repaired, with the second", plain.but(answers{other: "200 moon,pluto"}), func() { good.apply(t) })
	c.gradual(t, "none", plain, func() { deleteAll(t, good, second) })
}
