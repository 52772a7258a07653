// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"encoding/json"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

// TestVerdictsAreThoseOfKubernetes compares with what validates custom resources in API servers.
func TestVerdictsAreThoseOfKubernetes(t *testing.T) {
	schemas := []string{
		`{}`, `{"type":"object"}`, `{"type":"object","nullable":true}`, keyAuth,
		`{"type":"array","minItems":1,"maxItems":2,"items":{"type":"integer"}}`,
		`{"type":"array","uniqueItems":true}`,
		`{"type":"string","minLength":2,"maxLength":3}`, `{"type":"string","pattern":"^a+$"}`,
		`{"type":"number","minimum":1,"exclusiveMinimum":true,"maximum":3}`,
		`{"type":"number","maximum":3,"exclusiveMaximum":true,"multipleOf":0.5}`,
		`{"type":"integer"}`, `{"type":"boolean"}`,
		`{"type":"string","enum":["a","aa"]}`, `{"type":"number","enum":[1,2]}`,
		`{"type":"object","minProperties":1,"maxProperties":1}`,
		`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}`,
		`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}}`,
		`{"type":"object","required":["a"]}`,
		`{"anyOf":[{"type":"string"},{"type":"integer"}]}`,
		`{"oneOf":[{"type":"number"},{"type":"integer"}]}`,
		`{"allOf":[{"type":"number"},{"minimum":2}]}`,
		`{"not":{"type":"string"}}`,
	}
	values := []string{
		`{}`, `{"a":1}`, `{"a":"x"}`, `{"b":"x"}`, `{"a":1,"b":"x"}`, `[]`, `[1]`, `[1,1]`, `[1,2,3]`, `["a"]`, `"a"`, `"aa"`, `"aaaa"`, `"ä"`, `""`,
		`1`, `1.0`, `1.5`, `3`, `2`, `4`, `-1`, `true`, `false`, `null`,
		`{"consumers":[{"name":"consumer1","credential":"admin"}]}`, `{"consumers":[{"name":"c"}]}`, `{"consumers":{}}`,
	}
	for _, schema := range schemas {
		for _, value := range values {
			t.Run(schema+" "+value, func(t *testing.T) {
				want := acceptedByKubernetes(t, schema, value)
				v := &validator{steps: maxSteps}
				decoded, err := decode([]byte(value))
				if err != nil {
					t.Fatal(err)
				}
				result, err := v.result(mustParse(t, schema), decoded, config)
				if err != nil {
					t.Fatal(err)
				}
				if got := len(result.Errors) == 0; got != want {
					t.Errorf("accepted: %v, by Kubernetes: %v: %v", got, want, result.Errors)
				}
			})
		}
	}
}

func acceptedByKubernetes(t *testing.T, schema, value string) bool {
	t.Helper()
	var s spec.Schema
	var v any
	if err := json.Unmarshal([]byte(schema), &s); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatal(err)
	}
	return validate.NewSchemaValidator(&s, nil, "", strfmt.Default).Validate(v).IsValid()
}
