// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSchemaAccepts(t *testing.T) {
	s := newServer(t)
	url := func(url string) []edit {
		return one(source, map[string]any{"object": map[string]any{"url": url}})
	}
	tests := []struct {
		name  string
		edits []edit
	}{
		{"the minimum", nil},
		{"a digest", one(source+".registry.image", "reg.example:5000/a/b@sha256:"+strings.Repeat("0", 64))},
		{"both pull policies", one(source+".registry.pullPolicy", "Always")},
		{"an https URL", url("https://bucket.example/dir/f.wasm?sig=a%2Fb&x=user@example")},
		{"an http URL with a port", url("http://10.0.0.1:8080/f.wasm")},
		{"an IPv6 URL", url("http://[fd00::1]:8080/f.wasm")},
		{"the tutorial's URL", url("https://aaaa.com/bbb")},
		{"an at sign in the path", url("https://bucket.example/@team/f.wasm")},
		{"a sha256", one(source, map[string]any{"object": map[string]any{"url": "https://b.example/f", "sha256": strings.Repeat("0f", 32)}})},
		{"a ConfigMap", one(source, map[string]any{"configMap": map[string]any{"name": "my.filter", "key": "_filter-1.wasm"}})},
		{"an empty secret", one("spec.secret", "")},
		{"an empty selector", one("spec.selector", map[string]any{})},
		{"no labels", one(labels, map[string]any{})},
		{"labels of every kind", one(labels, map[string]any{"app": "details", "example.com/App_1": "V1.2-x_y", "empty": ""})},
		{"the longest label", one(labels, map[string]any{strings.Repeat("a", 253) + "/" + strings.Repeat("b", 63): strings.Repeat("c", 63)})},
		{"the first and the last port", one(ports, []any{int64(1), int64(65535)})},
		{"no ports", one(ports, []any{})},
		{"ids as long as they may be", []edit{{"spec.filter.rootID", strings.Repeat("x", 256)}, {"spec.filter.vmID", strings.Repeat("x", 256)}}},
		{"fromHost without a value", one(env, []any{map[string]any{"name": "A", "fromHost": true}})},
		{"a value without fromHost", one(env, []any{map[string]any{"name": "A", "value": "b", "fromHost": false}})},
		{"a negative priority", one("spec.filter.priority", int64(-10))},
		{"configuration as a string", one("spec.filter.config", "plain")},
		{"configuration as a list", one("spec.filter.config", []any{int64(1), "two", nil})},
		{"configuration as a number", one("spec.filter.config", 1.5)},
		{"configuration as false", one("spec.filter.config", false)},
		{"an empty configuration", one("spec.filter.config", map[string]any{})},
		{"configuration of any depth", one("spec.filter.config", map[string]any{"a": map[string]any{"b": []any{map[string]any{"c": "d"}}}, "kind": "x"})},
		{"every word", []edit{{"spec.filter.failurePolicy", "FailReload"}, {"spec.filter.context", "Gateway"}, {"spec.filter.proxyVersion", `^1\.2[0-9].*`}, {"spec.filter.allowPrecompiled", true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			created := object(t, tt.edits...)
			got := s.create(t, created)
			if diff := cmp.Diff(answer{}, got, cmpopts.IgnoreUnexported(answer{})); diff != "" {
				t.Errorf("%s\n%q", diff, got.messages)
			}
			want := object(t, tt.edits...)
			want["status"] = map[string]any{"observedGeneration": int64(-1)}
			if diff := cmp.Diff(want, created); diff != "" {
				t.Errorf("the object was changed beside its status: %s", diff)
			}
		})
	}
}

// A new object is born as not yet observed, whatever status it came with.
func TestStatusIsBornUnobserved(t *testing.T) {
	s := newServer(t)
	created := object(t, edit{"status", map[string]any{"phase": "Synced", "observedGeneration": int64(7)}})
	s.create(t, created)
	want := map[string]any{"observedGeneration": int64(-1)}
	if diff := cmp.Diff(want, created["status"]); diff != "" {
		t.Error(diff)
	}
}

// A status that is there already gets no defaults.
func TestStatusIsKept(t *testing.T) {
	s := newServer(t)
	status := map[string]any{"phase": "Synced", "observedGeneration": int64(0)}
	updated := object(t, edit{"status", maps.Clone(status)})
	if errs := s.Validate(t, updated); len(errs) > 0 {
		t.Fatal(errs)
	}
	if diff := cmp.Diff(any(status), updated["status"]); diff != "" {
		t.Error(diff)
	}
}

// A configuration of null is none.
func TestNullConfigIsAbsent(t *testing.T) {
	s := newServer(t)
	created := parse(t, minimal+"    config: null\n")
	if got := s.create(t, created); got.Refused != nil || got.Unknown != nil {
		t.Error(got)
	}
	if config, found := created["spec"].(map[string]any)["filter"].(map[string]any)["config"]; found {
		t.Errorf("config is kept as %v", config)
	}
}

// A typo is reported by strict validation, and dropped without it; only the plugin's configuration may hold anything.
func TestUnknownFieldsAreReported(t *testing.T) {
	s := newServer(t)
	created := object(t,
		edit{"speck", "x"},
		edit{"spec.filters", "x"},
		edit{"spec.selector.matchExpressions", []any{}},
		edit{"spec.filter.rootId", "x"},
		edit{source + ".oci", map[string]any{}},
		edit{source + ".registry.tag", "v1"},
		edit{env, []any{map[string]any{"name": "A", "valueFrom": "x"}}},
		edit{"spec.filter.config", map[string]any{"anything": map[string]any{"goes": true}}},
	)
	got := s.create(t, created)
	want := answer{Unknown: []string{
		"spec.filter.env[0].valueFrom", "spec.filter.rootId", "spec.filter.source.oci", "spec.filter.source.registry.tag",
		"spec.filters", "spec.selector.matchExpressions", "speck",
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(answer{})); diff != "" {
		t.Error(diff)
	}
	kept := object(t, edit{"spec.selector", map[string]any{}}, edit{env, []any{map[string]any{"name": "A"}}},
		edit{"spec.filter.config", map[string]any{"anything": map[string]any{"goes": true}}},
		edit{"status", map[string]any{"observedGeneration": int64(-1)}})
	if diff := cmp.Diff(kept, created); diff != "" {
		t.Error(diff)
	}
}

// What a rule in CEL says must tell a user what to do.
func TestRulesExplainThemselves(t *testing.T) {
	s := newServer(t)
	tests := []struct {
		name    string
		edits   []edit
		message string
	}{
		{"no source", one(source, map[string]any{}), `spec.filter.source: Invalid value: exactly one of registry, object and configMap must be set`},
		{"a relative URL", one(source, map[string]any{"object": map[string]any{"url": "/f"}}), `spec.filter.source.object.url: Invalid value: "/f": must be an absolute http or https URL, such as https://bucket.example/filter.wasm`},
		{"a user", one(source, map[string]any{"object": map[string]any{"url": "http://u:p@h/"}}), `spec.filter.source.object.url: Invalid value: "http://u:p@h/": must not carry user information: credentials in a URL would be shown to everybody who may read the object`},
		{"a key", one(labels, map[string]any{"*": "x"}), `spec.selector.matchLabels: Invalid value: each key must be a valid label key such as app or example.com/app, without wildcards`},
		{"a value", one(labels, map[string]any{"app": "*"}), `spec.selector.matchLabels: Invalid value: each value must be a valid label value (letters, digits, '-', '_' and '.'), without wildcards`},
		{"a variable", one(env, []any{map[string]any{"name": "A", "value": "b", "fromHost": true}}), `spec.filter.env[0]: Invalid value: value and fromHost exclude each other: set a value, or take it from the proxy's environment`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff([]string{tt.message}, s.create(t, object(t, tt.edits...)).messages); diff != "" {
				t.Error(diff)
			}
		})
	}
}
