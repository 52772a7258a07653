// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"testing"

	"github.com/autowasm/autowasm/internal/envoy"
)

// TestHostEnvironment shows a filter the environment of its proxy, on each Envoy: what the AutoWasm asks for, and no
// more. A variable that the proxy does not have is absent in the filter, and does not keep it from running.
func TestHostEnvironment(t *testing.T) {
	t.Parallel()
	module := buildEnvironment(t)
	eachEnvoy(t, "host", func(t *testing.T, w *Workload, v envoy.Version) {
		p := sidecar(t, w, ProxyOptions{Envoy: v, Env: []string{"TEAM=home"}})
		c, image := workloadCases(t, w), pushModule(t, w.Name+":v1", module)
		var last autoWasm
		for _, s := range []struct{ what, env, want string }{
			{"the proxy's", "[{name: TEAM, fromHost: true}]", "200 home"},
			{"the AutoWasm's", "[{name: TEAM, value: red}]", "200 red"},
			{"the proxy's with another", "[{name: TEAM, fromHost: true}, {name: MORE, value: x}]", "200 home"},
			{"the AutoWasm's with another", "[{name: TEAM, value: pink}, {name: ABSENT, fromHost: true}]", "200 pink"},
			{"not asked for", "[{name: ABSENT, fromHost: true}]", "200"},
			{"the proxy's again", "[{name: TEAM, fromHost: true}]", "200 home"},
		} {
			last = onWorkload(w, w.Name, image, "applyPorts: [9081], env: "+s.env)
			c.step(t, s.what, alone.but(answers{other: s.want}), func() { last.apply(t) })
		}
		stop(t, p)
		sidecar(t, w, ProxyOptions{Envoy: v, Env: []string{"TEAM=away"}})
		c.wait(t, alone.but(answers{other: "200 away"}))
	})
}
