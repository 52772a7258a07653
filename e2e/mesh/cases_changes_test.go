// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/internal/envoy"
)

// TestChanges changes one AutoWasm under load: its configuration, its module, and its environment.
func TestChanges(t *testing.T) {
	c, image := detailsCases(t), pushExample(t, "changes")
	earth := pushModule(t, "planets:v1", largeModuleSaying(t, "earth"))
	marsx := pushModule(t, "planets:v2", largeModuleSaying(t, "marsx"))
	environment := pushModule(t, "environment:v1", buildEnvironment(t))
	var last autoWasm
	for _, s := range []struct{ what, image, filter, want string }{
		{"no configuration", image, "", "200 world"},
		{"a text", image, "config: blue", "200 blue"},
		{"an object", image, "config: {value: green}", "200 green"},
		{"another module", earth, "", "200 earth"},
		{"a new tag", marsx, "", "200 marsx"},
		{"the former tag", earth, "", "200 earth"},
		{"an environment", environment, "env: [{name: TEAM, value: red}]", "200 red"},
		{"another value", environment, "env: [{name: TEAM, value: pink}]", "200 pink"},
		{"one more variable", environment, "env: [{name: TEAM, value: cyan}, {name: MORE, value: x}]", "200 cyan"},
	} {
		last = onDetails("changes", s.image, "applyPorts: [9081], "+s.filter)
		c.step(t, s.what, plain.but(answers{other: s.want}), func() { last.apply(t) })
	}
	c.step(t, "none", plain, func() { last.delete(t) })
}

// TestSelectors moves a filter from one workload to another, and to the whole namespace, which leaves the gateway's
// own alone.
func TestSelectors(t *testing.T) {
	c, image := detailsCases(t), pushSmall(t, "selectors")
	const reviews = "reviews"
	w := workload(t, reviews)
	sidecar(t, w, ProxyOptions{Envoy: envoy.Oldest})
	c.doors[reviews] = door{url: w.URL(InboundPort)}
	none := plain.but(answers{reviews: "200"})
	c.now = none
	onPort := func(selector string) autoWasm {
		return autoWasm{name: "selectors", image: image, selector: selector, filter: "applyPorts: [9080]"}
	}
	onFirst := none.but(answers{inbound: "200 world", gateway: "200 world"})
	c.step(t, "one workload", onFirst, func() { onPort("{matchLabels: {app: details}}").apply(t) })
	c.gradual(t, "the other workload", none.but(answers{reviews: "200 world"}), func() { onPort("{matchLabels: {app: reviews}}").apply(t) })
	c.step(t, "the namespace", onFirst.but(answers{reviews: "200 world"}), func() { onPort("").apply(t) })
	c.step(t, "none", none, func() { onPort("").delete(t) })
}

// buildEnvironment builds the filter that shows its environment.
func buildEnvironment(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "environment.wasm")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "./testdata/environment")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	module, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return module
}
