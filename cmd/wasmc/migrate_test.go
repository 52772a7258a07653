// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestMigrate(t *testing.T) {
	const plugin = "{apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: {name: a}, spec: {%}}"
	of := func(spec string) string { return strings.ReplaceAll(plugin, "%", spec) }
	const mapped = "url: x/y, failStrategy: FAIL_OPEN, match: [{mode: SERVER}]"
	aw := func(more string) string {
		return "# From WasmPlugin a (document 1).\n" + more + "apiVersion: wasm.tcm.io/v1alpha1\nkind: AutoWasm\nmetadata:\n  name: a\nspec:\n" +
			"  filter:\n    failurePolicy: FailOpen\n    source:\n      registry:\n        image: x/y\n"
	}
	const place = "changes: WasmPlugin a: spec.phase: absent, the plugin runs before Istio's fault injection, CORS and statistics, and an AutoWasm after them, " +
		"right before the router: what Istio answers itself, such as a CORS preflight, no longer reaches the filter\n"
	const incomplete = "wasmc: migrate -: not all of it can be mapped, see above: check the AutoWasms before you apply them\n"
	tests := []struct {
		name, input string
		want        result
	}{
		{"all of it", of(mapped), result{Out: aw(""), Err: place}},
		{"with others", of(mapped) + "\n---\n{apiVersion: v1, kind: Pod, metadata: {name: p}}", result{Out: aw(""), Err: place + "note: skipped Pod p of v1 (document 2)\n"}},
		{"but for a field", of(mapped + ", zzz: 1"), result{Code: exitIncomplete,
			Out: aw("# Not mapped: spec.zzz: wasmc does not know this field, and the AutoWasm does without it: check what it is for\n"),
			Err: place + "not mapped: WasmPlugin a: spec.zzz: wasmc does not know this field, and the AutoWasm does without it: check what it is for\n" + incomplete}},
		{"nothing of it", of("url: x/y, type: NETWORK, match: [{mode: SERVER}]"), result{Code: exitIncomplete,
			Err: "not migrated: WasmPlugin a: spec.type: an AutoWasm is a filter of HTTP, and this is NETWORK: keep the old object\n" + incomplete}},
		{"other kinds alone", "{apiVersion: v1, kind: Pod}", result{Code: exitFailed,
			Err: "note: skipped Pod of v1 (document 1)\nwasmc: migrate -: there is nothing in it to migrate: wasmc migrates WasmPlugin, TrafficExtension, EnvoyFilter and FilterDeployment\n"}},
		{"no YAML", "a: [", result{Code: exitFailed, Err: "wasmc: migrate -: document 1: yaml: line 1: did not find expected node content\n"}},
		{"what a terminal would obey", of(`url: "x/y", failStrategy: FAIL_OPEN, match: [{mode: SERVER}], "z\u001b[2J": 1`), result{Code: exitIncomplete,
			Out: aw("# Not mapped: spec.z\\x1b[2J: wasmc does not know this field, and the AutoWasm does without it: check what it is for\n"),
			Err: place + "not mapped: WasmPlugin a: spec.z\\x1b[2J: wasmc does not know this field, and the AutoWasm does without it: check what it is for\n" + incomplete}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, tt.want, wasmc(t, tt.input, "migrate", "-f", "-"))
		})
	}
	asJSON := wasmc(t, of("url: x/y, failStrategy: FAIL_OPEN"), "migrate", "-f", "-", "-o", "json")
	if !strings.HasPrefix(asJSON.Out, "{\n") || strings.Count(asJSON.Out, `"kind": "AutoWasm"`) != 3 || !strings.Contains(asJSON.Out, `"kind": "List"`) {
		t.Errorf("as JSON: %+v", asJSON)
	}
}

// TestMigratedIsRendered: what migrate prints, render takes.
func TestMigratedIsRendered(t *testing.T) {
	root := source(t)
	at(t)
	for _, sample := range []string{"envoyfilter-remote", "wasmplugin-gateway-chain", "configmap-recipe", "filterdeployment"} {
		migrated := wasmc(t, "", "migrate", "-f", root+"/../../migrate/testdata/"+sample+".in.yaml")
		for i, manifest := range strings.Split(migrated.Out, "---\n") {
			if got := wasmc(t, manifest, "render", "-f", "-", "--sha256", digits); got.Code != exitOK || !strings.Contains(got.Out, "kind: EnvoyFilter") {
				t.Errorf("%s %d: %+v", sample, i, got)
			}
		}
	}
}
