// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/manifest"
)

func objectsIn(t *testing.T, manifests string) []manifest.Object {
	t.Helper()
	objects, err := manifest.Read(strings.NewReader(manifests))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// plugin is a WasmPlugin with fields of its spec in YAML's flow style.
func plugin(fields string) string {
	return "{apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: {name: a, namespace: b}, spec: {" + fields + "}}"
}

// filter is an EnvoyFilter with fields of its PluginConfig.
func filter(fields string) string {
	return `{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a, namespace: b}, spec: {configPatches: [{applyTo: HTTP_FILTER,
  match: {context: SIDECAR_INBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager, subFilter: {name: envoy.filters.http.router}}}}},
  patch: {operation: INSERT_BEFORE, value: {name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {` + fields + `}}}}}]}}`
}

const remoteCode = `code: {remote: {http_uri: {uri: "https://bucket.example/a.wasm"}}}`

// TestRefuses: there is no AutoWasm, and one sentence says why.
func TestRefuses(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"no URL", plugin(``), "spec.url: there is no URL"},
		{"an unknown scheme", plugin(`url: "ftp://x/y"`), `spec.url: the scheme "ftp" is not`},
		{"another type", plugin(`url: 5`), "spec.url: this is not a string: correct it"},
		{"a bad sha256", plugin(`url: "http://x/y", sha256: abc`), "spec.url: its sha256 is not 64 hex digits"},
		{"two digests", plugin(`url: "x/y@sha256:` + strings.Repeat("a", 64) + `", sha256: ` + strings.Repeat("b", 64)), "spec.url: the digests of x/y and of sha256 are not the same"},
		{"an unknown phase", plugin(`url: x/y, phase: FIRST`), `spec.phase: "FIRST" is not AUTHN`},
		{"an unknown policy", plugin(`url: x/y, imagePullPolicy: Never`), `spec.imagePullPolicy: "Never" is not`},
		{"an unknown strategy", plugin(`url: x/y, failStrategy: X`), `spec.failStrategy: "X" is not`},
		{"an unknown mode", plugin(`url: x/y, match: [{mode: X}]`), `spec.match[0].mode: "X" is not`},
		{"a port without a number", plugin(`url: x/y, match: [{ports: [{}]}]`), `spec.match[0].ports[0].number: a port without a number`},
		{"a port that is none", plugin(`url: x/y, match: [{ports: [{number: 70000}]}]`), `spec.match[0].ports[0].number: this is not a whole number from 1 to 65535`},
		{"an unknown source of a value", plugin(`url: x/y, vmConfig: {env: [{name: A, valueFrom: X}]}`), `spec.vmConfig.env[0].valueFrom: "X" is not`},
		{"a variable twice", plugin(`url: x/y, vmConfig: {env: [{name: A}, {name: A}]}`), `the AutoWasm would be refused: spec.filter.env[1].name: Duplicate value: "A"`},
		{"labels and targets", plugin(`url: x/y, selector: {matchLabels: {a: b}}, targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: g}]`), "spec.targetRefs[0]: Istio takes either"},
		{"wildcards", plugin(`url: x/y, selector: {matchLabels: {a: "*"}}`), "the AutoWasm would be refused: spec.selector.matchLabels[a]: "},
		{"no name", `{apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: {generateName: a-}, spec: {url: x/y}}`, "metadata.name: the object has no name of its own"},
		{"no code", filter(`vm_config: {}`), "vm_config.code: there is neither remote nor local"},
		{"no URI", filter(`vm_config: {code: {remote: {}}}`), "code.remote.httpUri.uri: there is no URI"},
		{"no file", filter(`vm_config: {code: {local: {}}}`), "code.local.filename: there is no file"},
		{"a file from nowhere", filter(`vm_config: {code: {local: {filename: /a}}}`), "code.local.filename: /a is a file of each proxy"},
		{"open and closed", filter(`fail_open: true, failure_policy: FAIL_CLOSED, vm_config: {` + remoteCode + `}`), "config.fail_open: Envoy takes either"},
		{"an unknown failure policy", filter(`failure_policy: X, vm_config: {` + remoteCode + `}`), `config.failure_policy: "X" is not`},
		{"a message for a configuration", filter(`configuration: {"@type": x/y.Z}, vm_config: {` + remoteCode + `}`), `config.configuration: the module reads a string`},
		{"bytes that are no text", filter(`configuration: {"@type": x/google.protobuf.BytesValue, value: /w==}, vm_config: {` + remoteCode + `}`), `config.configuration: the bytes are no UTF-8`},
		{"a field in both spellings", filter(`rootId: a, root_id: b, vm_config: {` + remoteCode + `}`), "config.root_id: wasmc does not know this field"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := Objects(objectsIn(t, tt.input), testOptions)
			if !slices.ContainsFunc(result.Notes, func(n Note) bool { return strings.Contains(n.String(), tt.want) }) || result.Complete() {
				t.Errorf("notes %v, want %q", result.Notes, tt.want)
			}
			for _, note := range result.Notes {
				if note.Level == Refused && len(result.Migrated) > 0 {
					t.Errorf("there is an AutoWasm, and the note %q", note)
				}
			}
		})
	}
}

func TestContexts(t *testing.T) {
	tests := []struct {
		name, fields string
		only         []v1alpha1.Context
		want         []string
	}{
		{"all", `url: x/y`, nil, []string{"a", "a-outbound Outbound", "a-gateway Gateway"}},
		{"one of all", `url: x/y`, []v1alpha1.Context{v1alpha1.Outbound}, []string{"a Outbound"}},
		{"what is for one is not limited", `url: x/y, match: [{mode: SERVER}]`, []v1alpha1.Context{v1alpha1.Outbound}, []string{"a"}},
		{"clients", `url: x/y, match: [{mode: CLIENT, ports: [{number: 80}, {number: 70}]}]`, nil, []string{"a Outbound [70 80]", "a-gateway Gateway [70 80]"}},
		{"a port of one and all of another", `url: x/y, match: [{mode: SERVER, ports: [{number: 80}]}, {mode: CLIENT_AND_SERVER}]`, []v1alpha1.Context{v1alpha1.Inbound}, []string{"a"}},
		{"Istio's gateway", `url: x/y, selector: {matchLabels: {istio: ingressgateway}}`, nil, []string{"a Gateway"}},
		{"a gateway as a client", `url: x/y, match: [{mode: CLIENT}], selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: g}}`, nil, []string{"a Gateway"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, m := range Objects(objectsIn(t, plugin(tt.fields)), Options{Contexts: tt.only}).Migrated {
				f := m.AutoWasm.Spec.Filter
				line := strings.TrimSpace(m.AutoWasm.Name + " " + string(f.Context))
				if len(f.ApplyPorts) > 0 {
					line += " " + portsOf(f.ApplyPorts)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func portsOf(ports []v1alpha1.Port) string {
	var all []string
	for _, p := range ports {
		all = append(all, string([]byte{byte('0' + p/10), byte('0' + p%10)}))
	}
	return "[" + strings.Join(all, " ") + "]"
}

// TestImage is for files that each proxy has.
func TestImage(t *testing.T) {
	result := Objects(objectsIn(t, plugin(`url: "file:///opt/a.wasm", match: [{mode: SERVER}]`)), Options{Image: "registry.example/a:v1"})
	if len(result.Migrated) != 1 || !result.Complete() {
		t.Fatalf("%+v", result)
	}
	want := v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: "registry.example/a:v1"}}
	if diff := cmp.Diff(want, result.Migrated[0].AutoWasm.Spec.Filter.Source); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestOrderOfPlugins: what is migrated in two calls has the order that Istio gives it.
func TestOrderOfPlugins(t *testing.T) {
	inOrder := []string{
		`phase: AUTHN, priority: 499999`, `phase: AUTHN, priority: 1`, `phase: AUTHN`, `phase: AUTHZ, priority: 499999`, `phase: AUTHZ, priority: -499999`,
		`phase: STATS, priority: 10`, `phase: STATS`, `priority: 10`, `url: x/y`, `priority: -10`,
	}
	last := int32(-1 << 31)
	for _, fields := range inOrder {
		result := Objects(objectsIn(t, plugin(`url: x/y, match: [{mode: SERVER}], `+strings.TrimPrefix(fields, `url: x/y`))), testOptions)
		if len(result.Migrated) != 1 {
			t.Fatalf("%s: %+v", fields, result)
		}
		number := priorityOf(result.Migrated[0].AutoWasm)
		if number <= last {
			t.Errorf("%s: priority %d does not come after %d", fields, number, last)
		}
		last = number
	}
}

// TestKinds: of others nothing is read.
func TestKinds(t *testing.T) {
	for _, kind := range []string{
		"{apiVersion: v1, kind: Pod}", "{apiVersion: other.example/v1, kind: WasmPlugin}", "{apiVersion: wasm.tcm.io/v1alpha1, kind: AutoWasm}",
		"{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, spec: {}}", "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, spec: 5}", "{a: b}",
	} {
		result := Objects(objectsIn(t, kind), testOptions)
		if len(result.Skipped) != 1 || len(result.Notes)+len(result.Migrated) > 0 || !result.Complete() {
			t.Errorf("%s: %+v", kind, result)
		}
	}
}
