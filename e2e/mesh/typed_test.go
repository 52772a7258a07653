// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

const wasmType = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"

// forms are how an EnvoyFilter can say of what type a filter's configuration is: directly, or in one of two TypedStructs.
var forms = map[string]string{
	"direct": "",
	"udpa":   "type.googleapis.com/udpa.type.v1.TypedStruct",
	"xds":    "type.googleapis.com/xds.type.v3.TypedStruct",
}

// A fault is what somebody gets wrong when writing a filter by hand.
type fault struct {
	name    string
	do      func(plugin object)
	warning string // of istiod, when the type is direct
	want    string // what two filters of different modules answer then
}

var faults = []fault{
	{name: "none", do: func(object) {}, want: "200 marsx,earth"},
	{name: "misplaced", do: misplace, warning: `unknown field "runtime" in envoy.config.core.v3.AsyncDataSource`,
		want: "200 earth,earth"}, // without vm_ids they share a machine: the second runs the first's code
	{name: "misspelt", do: misspell, warning: `unknown field "failurePolicies" in envoy.extensions.wasm.v3.PluginConfig`,
		want: "200 marsx,earth"},
}

// misplace puts what belongs beside code into it, beside remote.
func misplace(plugin object) {
	vm := plugin["vmConfig"].(object)
	for _, field := range []string{"runtime", "vmId"} {
		vm["code"].(object)[field] = vm[field]
		delete(vm, field)
	}
}

func misspell(plugin object) {
	plugin["failurePolicies"] = plugin["failurePolicy"]
	delete(plugin, "failurePolicy")
}

// incomplete takes away what Envoy's rules require and istiod does not miss.
func incomplete(plugin object) {
	delete(plugin["vmConfig"].(object)["code"].(object)["remote"].(object)["httpUri"].(object), "timeout")
}

// TestForms: each form works on each Envoy. What is wrong in it, istiod warns of and drops when the type is direct. In a
// TypedStruct istiod sees nothing; the proxy counts an unknown field, and goes on without it. What is missing istiod
// sees in no form, and the proxy refuses the listener.
func TestForms(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "form", func(t *testing.T, w *Workload, v envoy.Version) {
		p := sidecar(t, w, ProxyOptions{Envoy: v})
		s := serveModules(t, w.Name+"-modules", "earth", "marsx")
		for name, typed := range forms {
			t.Run(name, func(t *testing.T) {
				for _, f := range faults {
					f.check(t, p, pairOf(w, s, name+"-"+f.name), typed)
				}
				checkIncomplete(t, p, pairOf(w, s, name+"-incomplete")[0], typed)
			})
		}
	})
}

// pairOf are two filters with modules that no proxy has had: it finds a machine by the code of one that it has.
func pairOf(w *Workload, s *moduleServer, name string) []byHand {
	var pair []byHand
	for i, value := range []string{"earth", "marsx"} {
		pair = append(pair, byHand{
			name: fmt.Sprintf("%s-%s-%d", w.Name, name, i), workload: w, server: s, policy: v1alpha1.FailClosed,
			module: s.add(numbered(s.module(value), name, i)),
		})
	}
	return pair
}

// check applies two filters with the fault and requires what istiod and the proxy say of them.
func (f fault) check(t *testing.T, p *Proxy, pair []byHand, typed string) {
	t.Helper()
	const counter = "server.dynamic_unknown_fields"
	before, url := proxyStat(t, p, counter), pair[0].workload.URL(InboundPort)
	warnings := append(applyTyped(t, pair[0], typed, f.do), waitAndApply(t, url, pair[1], typed, f.do)...)
	waitThrough(t, url, "200 earth", f.want)
	var want []string
	if typed == "" && f.warning != "" {
		want = []string{f.warning, f.warning}
	}
	for i := range warnings { // of two unknown fields istiod names either
		warnings[i] = strings.ReplaceAll(warnings[i], `"vmId" in envoy.config.core`, `"runtime" in envoy.config.core`)
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("%s: istiod's warnings (-want +got):\n%s", f.name, diff)
	}
	counted := proxyStat(t, p, counter) > before
	if want := typed != "" && f.warning != ""; counted != want {
		t.Errorf("%s: the proxy counted an unknown field: %t, want %t", f.name, counted, want)
	}
	for _, filter := range pair {
		filter.delete(t)
	}
	waitForAnswer(t, url, "200")
}

// waitAndApply applies the second of two filters when the first runs.
func waitAndApply(t *testing.T, url string, second byHand, typed string, do func(object)) []string {
	t.Helper()
	waitForAnswer(t, url, "200 earth")
	return applyTyped(t, second, typed, do)
}

func checkIncomplete(t *testing.T, p *Proxy, f byHand, typed string) {
	t.Helper()
	const counter = "listener_manager.lds.update_rejected"
	before := proxyStat(t, p, counter)
	if warnings := applyTyped(t, f, typed, incomplete); len(warnings) > 0 {
		t.Errorf("incomplete: istiod warns: %v", warnings)
	}
	suite.Eventually(t, func(context.Context) error {
		if now := proxyStat(t, p, counter); now == before {
			return fmt.Errorf("the proxy has refused nothing: %s is %d", counter, now)
		}
		return nil
	})
	requireAnswer(t, f.workload.URL(InboundPort), "200")
	f.delete(t)
}

// applyTyped applies a filter by hand and returns what istiod warns of, but for what it says of every EnvoyFilter.
func applyTyped(t *testing.T, f byHand, typed string, do func(plugin object)) (warnings []string) {
	t.Helper()
	ef := f.render(t)
	for _, patch := range ef["spec"].(object)["configPatches"].([]any) {
		retype(patch.(object)["patch"].(object)["value"].(object), typed, do)
	}
	manifest, err := json.Marshal(ef)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.delete(t) })
	out := cluster.Apply(t, namespace, string(manifest))
	for line := range strings.Lines(out.Stderr) {
		if _, said, ok := strings.Cut(line, "filters.http.wasm.v3.Wasm: "); ok {
			warnings = append(warnings, strings.TrimSpace(said))
		} else if !strings.Contains(line, "exposes internal implementation details") {
			warnings = append(warnings, strings.TrimSpace(line))
		}
	}
	return warnings
}

// retype puts a fault into a filter, and the filter into a TypedStruct unless typed is "".
func retype(filter object, typed string, do func(plugin object)) {
	config := filter["typedConfig"].(object)
	do(config["config"].(object))
	if typed != "" {
		filter["typedConfig"] = object{"@type": typed, "typeUrl": wasmType, "value": object{"config": config["config"]}}
	}
}

// proxyStat is a counter of a proxy.
func proxyStat(t *testing.T, p *Proxy, name string) int {
	t.Helper()
	r, err := http.Get(p.AdminURL + "/stats?filter=^" + name + "$")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, digits, _ := strings.Cut(strings.TrimSpace(string(body)), ": ")
	value, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatalf("the proxy's statistic %s: %q: %v", name, body, err)
	}
	return value
}
