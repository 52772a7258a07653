// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"
)

// checked is an AutoWasm of the example in AssemblyScript.
const checkedAutoWasm = `apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: %s}
spec:
  selector: {matchLabels: {app: details}}
  filter:
    rootID: %s
    source: {registry: {image: "%s"}}
`

// TestCheck: what apply would say, with the module of the command line and with that of the source.
func TestCheck(t *testing.T) {
	rustFilter(t)
	write(t, "broken.wasm", []byte("\x00asm\x01\x00\x00\x00"))
	image := newRegistry(t) + "/team/filter:v1"
	succeed(t, "push", image, "-f", "as.wasm")
	autoWasm := func(name, rootID string) string { return fmt.Sprintf(checkedAutoWasm, name, rootID, image) }
	write(t, "good.yaml", []byte(autoWasm("good", "add_header")))
	write(t, "both.yaml", []byte(autoWasm("good", "add_header")+"---\n"+autoWasm("bad", "other")))
	write(t, "invalid.yaml", []byte(strings.Replace(autoWasm("invalid", "a"), "rootID: a", "applyPorts: [0]", 1)))
	module := func(name string) string {
		content := read(t, name)
		return fmt.Sprintf("  module: sha256:%s, %d bytes, Proxy-Wasm ABI ", sum([]byte(content)), len(content))
	}
	const passed = "  trial: it starts with this configuration, and lets a GET of / pass\n"
	const refused = `  denied: spec.filter.rootID: Invalid value: "other": the module was tried, and fails: proxy_on_context_create trapped: unreachable`
	tests := []struct {
		args string
		want result
	}{
		{"filter.wasm", result{Out: "filter.wasm: apply would admit it\n" + module("filter.wasm") + "0.2.1\n" + passed}},
		{"filter.wasm -f good.yaml", result{Out: "AutoWasm default/good: apply would admit it\n" + module("filter.wasm") + "0.2.1\n" + passed}},
		{"-f good.yaml", result{Out: "AutoWasm default/good: apply would admit it\n" + module("as.wasm") + "0.2.0\n" + passed}},
		{"-f both.yaml", result{
			Code: exitFailed, Err: "wasmc: check: apply would deny 1 of 2\n",
			Out: "AutoWasm default/good: apply would admit it\n" + module("as.wasm") + "0.2.0\n" + passed +
				"AutoWasm default/bad: apply would deny it\n" + module("as.wasm") + "0.2.0\n" + refused,
		}},
		{"-f invalid.yaml", result{
			Code: exitFailed, Err: "wasmc: check: apply would deny it\n",
			Out: "AutoWasm default/invalid: apply would deny it\n  denied: spec.filter.applyPorts[0]: Invalid value: 0: must be a port from 1 to 65535; leave applyPorts out for all ports\n",
		}},
		{"broken.wasm", result{
			Code: exitFailed, Err: "wasmc: check: apply would deny it\n",
			Out: "broken.wasm: apply would deny it\n" + module("broken.wasm") + "unknown\n  denied: spec.filter.source: Invalid value: ",
		}},
		{"absent.wasm", result{Code: exitFailed, Err: "wasmc: check: absent.wasm: not a file: stat absent.wasm: no such file or directory\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got := wasmc(t, "", append([]string{"check"}, strings.Fields(tt.args)...)...)
			if strings.HasPrefix(got.Out, tt.want.Out) && !strings.HasSuffix(tt.want.Out, "\n") { // the engine's and the inspection's words
				got.Out = tt.want.Out
			}
			expect(t, tt.want, got)
		})
	}
	got := wasmc(t, "", "check", "-f", "both.yaml", "-o", "json")
	for _, part := range []string{`"reason": "ModuleTraps"`, `"reason": "TrialPassed"`, `"denied": [`, `"abi": "0.2.0"`} {
		if !strings.Contains(got.Out, part) {
			t.Errorf("no %s in %s", part, got.Out)
		}
	}
}

// TestCheckByTheSchema: what the schema in the module says, in the words of apply, before anything is tried.
func TestCheckByTheSchema(t *testing.T) {
	rustFilter(t)
	write(t, "schema.yaml", []byte("type: object\nrequired: [header]\nproperties: {header: {type: string}, value: {type: string}}\n"))
	write(t, "broken.wasm", carrying(t, `{"$ref":"#"}`))
	succeed(t, "check", "filter.wasm") // without a schema
	for name, tt := range map[string]struct {
		file, config, want string
		code               int
	}{
		"accepted": {"filter.wasm", `{header: a, valeu: b}`, "  schema: it accepts the configuration\n  trial: it starts with this configuration, and lets a GET of / pass\n" +
			"  warning: unknown field \"spec.filter.config.valeu\": the schema in the module does not list it\n", 0},
		"refused": {"filter.wasm", `{value: 1}`, "  denied: spec.filter.config.header: Required value: must be set, by the schema in the module\n" +
			"  denied: spec.filter.config.value: Invalid value: must be a string, not a number, by the schema in the module\n", exitFailed},
		"unusable": {"broken.wasm", `{}`, "  warning: the schema in the module cannot be used: $ref is not supported", 0},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"check", tt.file, "-f", "aw.yaml"}
			if tt.file == "filter.wasm" {
				args = append(args, "--schema", "schema.yaml")
			}
			write(t, "aw.yaml", []byte(fmt.Sprintf(checkedAutoWasm, "a", "add_header", "registry.example/a:v1")+"    config: "+tt.config+"\n"))
			if got := wasmc(t, "", args...); got.Code != tt.code || !strings.Contains(got.Out, tt.want) {
				t.Errorf("%+v", got)
			}
		})
	}
	if got := wasmc(t, "", "check", "filter.wasm", "--schema", "schema.yaml", "-o", "json"); !strings.Contains(got.Out, `"schema": "ConfigRefused"`) {
		t.Errorf("%+v", got)
	}
}
