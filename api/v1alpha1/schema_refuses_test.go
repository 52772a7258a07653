// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The schema refuses these by itself, whether the webhook runs or not.
func TestSchemaRefuses(t *testing.T) {
	s := newServer(t)
	for _, tt := range refusals() {
		t.Run(tt.name, func(t *testing.T) {
			got := s.create(t, object(t, tt.edits...))
			if diff := cmp.Diff(answer{Refused: []string{tt.refused}}, got, cmpopts.IgnoreUnexported(answer{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

type refusal struct {
	name    string
	edits   []edit
	refused string
}

func refusals() []refusal {
	var all []refusal
	all = append(all, sourceRefusals()...)
	all = append(all, urlRefusals()...)
	all = append(all, selectorRefusals()...)
	all = append(all, filterRefusals()...)
	return append(all, envRefusals()...)
}

const (
	source = "spec.filter.source"
	ports  = "spec.filter.applyPorts"
	labels = "spec.selector.matchLabels"
	env    = "spec.filter.env"
)

func one(path string, value any) []edit { return []edit{{path, value}} }

func sourceRefusals() []refusal {
	object := map[string]any{"url": "https://bucket.example/f.wasm"}
	configMap := map[string]any{"name": "f", "key": "f.wasm"}
	sum := strings.Repeat("0", 64)
	hashed := func(sum string) []edit {
		return one(source, map[string]any{"object": map[string]any{"url": "https://bucket.example/f.wasm", "sha256": sum}})
	}
	return []refusal{
		{"no source", one(source, map[string]any{}), "spec.filter.source: FieldValueInvalid"},
		{"no source field", one(source, nil), "spec.filter.source: FieldValueRequired"},
		{"no filter", one("spec.filter", nil), "spec.filter: FieldValueRequired"},
		{"no spec", one("spec", nil), "spec: FieldValueRequired"},
		{"two sources", one(source+".object", object), "spec.filter.source: FieldValueInvalid"},
		{"three sources", []edit{{source + ".object", object}, {source + ".configMap", configMap}}, "spec.filter.source: FieldValueInvalid"},
		{"an empty image", one(source+".registry.image", ""), "spec.filter.source.registry.image: FieldValueInvalid"},
		{"an image with a blank", one(source+".registry.image", "reg.example/a b"), "spec.filter.source.registry.image: FieldValueInvalid"},
		{"a very long image", one(source+".registry.image", strings.Repeat("a", 1025)), "spec.filter.source.registry.image: FieldValueTooLong"},
		{"no image", one(source+".registry", map[string]any{}), "spec.filter.source.registry.image: FieldValueRequired"},
		{"another pull policy", one(source+".registry.pullPolicy", "Never"), "spec.filter.source.registry.pullPolicy: FieldValueNotSupported"},
		{"a short sha256", hashed(sum[1:]), "spec.filter.source.object.sha256: FieldValueInvalid"},
		{"a long sha256", hashed(sum + "0"), "spec.filter.source.object.sha256: FieldValueInvalid"},
		{"an upper-case sha256", hashed(strings.Repeat("A", 64)), "spec.filter.source.object.sha256: FieldValueInvalid"},
		{"a sha256 that is not hex", hashed(strings.Repeat("g", 64)), "spec.filter.source.object.sha256: FieldValueInvalid"},
		{"a sha256 with its prefix", hashed("sha256:" + sum), "spec.filter.source.object.sha256: FieldValueInvalid"},
		{"a ConfigMap without a key", one(source, map[string]any{"configMap": map[string]any{"name": "f"}}), "spec.filter.source.configMap.key: FieldValueRequired"},
		{"a ConfigMap of an invalid name", one(source, map[string]any{"configMap": map[string]any{"name": "F_", "key": "f.wasm"}}), "spec.filter.source.configMap.name: FieldValueInvalid"},
		{"a ConfigMap's key that is a path", one(source, map[string]any{"configMap": map[string]any{"name": "f", "key": "a/b"}}), "spec.filter.source.configMap.key: FieldValueInvalid"},
		{"a secret that is a path", one("spec.secret", "other/secret"), "spec.secret: FieldValueInvalid"},
		{"a very long secret", one("spec.secret", strings.Repeat("s", 254)), "spec.secret: FieldValueTooLong"},
	}
}

func urlRefusals() []refusal {
	var all []refusal
	for _, u := range []struct{ name, url, fault string }{
		{"empty", "", "FieldValueInvalid"},
		{"relative", "/f.wasm", "FieldValueInvalid"},
		{"without a scheme", "bucket.example/f.wasm", "FieldValueInvalid"},
		{"of another scheme", "ftp://bucket.example/f.wasm", "FieldValueInvalid"},
		{"of a file", "file:///etc/passwd", "FieldValueInvalid"},
		{"in s3's form", "s3://bucket/f.wasm", "FieldValueInvalid"},
		{"without a host", "https:///f.wasm", "FieldValueInvalid"},
		{"with a port alone", "http://:80/f.wasm", "FieldValueInvalid"},
		{"that is opaque", "https:bucket.example", "FieldValueInvalid"},
		{"with a user", "https://user@bucket.example/f.wasm", "FieldValueInvalid"},
		{"with a password", "https://user:password@bucket.example/f.wasm", "FieldValueInvalid"},
		{"with an empty user", "https://@bucket.example/f.wasm", "FieldValueInvalid"},
		{"with a new line", "https://bucket.example/f\n", "FieldValueInvalid"},
		{"very long", "https://bucket.example/" + strings.Repeat("a", 2048), "FieldValueTooLong"},
	} {
		all = append(all, refusal{"a URL " + u.name, one(source, map[string]any{"object": map[string]any{"url": u.url}}), source + ".object.url: " + u.fault})
	}
	return all
}

func selectorRefusals() []refusal {
	var all []refusal
	for _, l := range []struct{ name, key, value, refused string }{
		{"a wildcard value", "app", "*", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a value with a wildcard", "app", "det*", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a value with a slash", "app", "a/b", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a value that begins with a dash", "app", "-a", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a value that ends with a dot", "app", "a.", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a long value", "app", strings.Repeat("a", 64), "spec.selector.matchLabels.app: FieldValueTooLong"},
		{"a wildcard key", "*", "details", "spec.selector.matchLabels: FieldValueInvalid"},
		{"an empty key", "", "details", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a key with a blank", "a b", "details", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a key of two slashes", "example.com/a/b", "details", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a key without a name", "example.com/", "details", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a key of an upper-case domain", "Example.com/app", "details", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a key of a long name", strings.Repeat("a", 64), "details", "spec.selector.matchLabels: FieldValueInvalid"},
		{"a key of a long domain", strings.Repeat("a", 254) + "/app", "details", "spec.selector.matchLabels: FieldValueInvalid"},
	} {
		all = append(all, refusal{"labels: " + l.name, one(labels, map[string]any{l.key: l.value}), l.refused})
	}
	many := map[string]any{}
	for i := range 65 {
		many[fmt.Sprintf("l%d", i)] = "v"
	}
	return append(all,
		refusal{"labels: too many", one(labels, many), "spec.selector.matchLabels: FieldValueTooMany"},
		refusal{"labels: a number", one(labels, map[string]any{"app": int64(1)}), "spec.selector.matchLabels.app: FieldValueTypeInvalid"},
	)
}

func filterRefusals() []refusal {
	many := []any{}
	for i := range 65 {
		many = append(many, int64(i+1))
	}
	long := strings.Repeat("x", 257)
	return []refusal{
		{"port 0", one(ports, []any{int64(0)}), "spec.filter.applyPorts[0]: FieldValueInvalid"},
		{"a negative port", one(ports, []any{int64(-1)}), "spec.filter.applyPorts[0]: FieldValueInvalid"},
		{"port 65536", one(ports, []any{int64(65536)}), "spec.filter.applyPorts[0]: FieldValueInvalid"},
		{"a port twice", one(ports, []any{int64(80), int64(81), int64(80)}), "spec.filter.applyPorts: FieldValueInvalid"},
		{"65 ports", one(ports, many), "spec.filter.applyPorts: FieldValueTooMany"},
		{"a port as a string", one(ports, []any{"9080"}), "spec.filter.applyPorts[0]: FieldValueTypeInvalid"},
		{"a long rootID", one("spec.filter.rootID", long), "spec.filter.rootID: FieldValueTooLong"},
		{"a long vmID", one("spec.filter.vmID", long), "spec.filter.vmID: FieldValueTooLong"},
		{"another failure policy", one("spec.filter.failurePolicy", "FailSilently"), "spec.filter.failurePolicy: FieldValueNotSupported"},
		{"another context", one("spec.filter.context", "Sideways"), "spec.filter.context: FieldValueNotSupported"},
		{"a priority that is not a number", one("spec.filter.priority", "high"), "spec.filter.priority: FieldValueTypeInvalid"},
		{"a priority beyond 32 bits", one("spec.filter.priority", int64(1)<<31), "<nil>: FieldValueInvalid"},
		{"a long proxyVersion", one("spec.filter.proxyVersion", strings.Repeat("x", 1025)), "spec.filter.proxyVersion: FieldValueTooLong"},
		{"allowPrecompiled as a string", one("spec.filter.allowPrecompiled", "true"), "spec.filter.allowPrecompiled: FieldValueTypeInvalid"},
	}
}

func envRefusals() []refusal {
	many := []any{}
	for i := range 65 {
		many = append(many, map[string]any{"name": fmt.Sprintf("V%d", i)})
	}
	variable := func(v map[string]any) []edit { return one(env, []any{v}) }
	return []refusal{
		{"a value and fromHost", variable(map[string]any{"name": "A", "value": "b", "fromHost": true}), "spec.filter.env[0]: FieldValueInvalid"},
		{"an empty value and fromHost", variable(map[string]any{"name": "A", "value": "", "fromHost": true}), "spec.filter.env[0]: FieldValueInvalid"},
		{"a variable without a name", variable(map[string]any{"value": "b"}), "spec.filter.env[0].name: FieldValueRequired"},
		{"a variable of an empty name", variable(map[string]any{"name": ""}), "spec.filter.env[0].name: FieldValueInvalid"},
		{"a variable of a name with =", variable(map[string]any{"name": "A=B"}), "spec.filter.env[0].name: FieldValueInvalid"},
		{"a variable of a name with a NUL", variable(map[string]any{"name": "A\x00"}), "spec.filter.env[0].name: FieldValueInvalid"},
		{"a variable of a long name", variable(map[string]any{"name": strings.Repeat("A", 257)}), "spec.filter.env[0].name: FieldValueTooLong"},
		{"a variable of a long value", variable(map[string]any{"name": "A", "value": strings.Repeat("b", 2049)}), "spec.filter.env[0].value: FieldValueTooLong"},
		{"a variable twice", one(env, []any{map[string]any{"name": "A"}, map[string]any{"name": "A"}}), "spec.filter.env: FieldValueInvalid"},
		{"65 variables", one(env, many), "spec.filter.env: FieldValueTooMany"},
	}
}
