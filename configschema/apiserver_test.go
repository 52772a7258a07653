// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"encoding/json"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Why a verdict is not that of an API server. What else it differs by is a mistake.
const (
	nullIsRead   = "the filter reads a null that an API server removes, or replaces by a default"
	asWritten    = "the filter reads what is written, without the defaults"
	onlyInforms  = "format only informs"
	nullListed   = "an API server finds no null in an enum"
	cutToInteger = "an API server cuts fractions off to compare with an integer"
	roundedBound = "an API server has float64 for bounds"
)

// TestVerdictsAreThoseOfAPIServers gives the hard cases to the code by which an API server fills in and validates custom
// resources, in its order: nulls, defaults, schema.
func TestVerdictsAreThoseOfAPIServers(t *testing.T) {
	const (
		required = `{"type":"object","required":["a"],"properties":{"a":{"type":"string","default":"x"},"b":{"type":"integer"}}}`
		plain    = `{"type":"object","properties":{"a":{"type":"string"}}}`
		either   = `{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":{"type":"string","default":"d"},"b":{"type":"string"}}}`
		kinds    = `{"type":"object","properties":{"kind":{"type":"string","default":"basic"},"user":{"type":"string"},"token":{"type":"string"}},
			"oneOf":[{"properties":{"kind":{"enum":["basic"]}},"required":["user"]},{"properties":{"kind":{"enum":["token"]}},"required":["token"]}]}`
		nested = `{"type":"object","required":["a"],"properties":{"a":{"type":"object","default":{},"required":["b"],
			"properties":{"b":{"type":"string","default":"x"}}}}}`
		integer = `{"type":"integer"}`
		percent = `{"x-kubernetes-int-or-string":true,"pattern":"^[0-9]+%$"}`
	)
	nullable := func(more string) string {
		return `{"type":"object","properties":{"a":{"nullable":true,` + more + `}}}`
	}
	tests := []struct{ schema, value, differs string }{
		{required, `{}`, ""}, {required, `{"b":"y"}`, ""}, {required, `{"a":1}`, ""}, {required, `{"a":null}`, nullIsRead},
		{`{"type":"array","items":` + required + `}`, `[{},{"b":1}]`, ""}, {`{"type":"object","additionalProperties":` + required + `}`, `{"k":{}}`, ""},
		{nested, `{}`, ""}, {nested, `{"a":{}}`, ""}, {nested, `{"a":{"b":1}}`, ""}, {nested, `{"a":null}`, nullIsRead},
		{either, `{}`, ""}, {either, `{"a":"x"}`, ""}, {either, `{"a":"x","b":"y"}`, ""}, {either, `{"b":"y"}`, asWritten},
		{kinds, `{}`, ""}, {kinds, `{"user":"u"}`, ""}, {kinds, `{"user":"u","token":"t"}`, ""}, {kinds, `{"kind":"token","token":"t"}`, ""},
		{kinds, `{"token":"t"}`, asWritten},
		{`{"type":"object","minProperties":1,"properties":{"a":{"type":"string","default":"x"}}}`, `{}`, ""},
		{`{"type":"object","maxProperties":1,"properties":{"a":{"type":"string","default":"x"},"b":{"type":"string"}}}`, `{"b":"y"}`, asWritten},
		{`{"type":"object","not":{"required":["a"]},"properties":{"a":{"type":"string","default":"x"}}}`, `{}`, asWritten},
		{`{"type":"object","not":{"required":["a"]},"properties":{"a":{"type":"string"}}}`, `{"a":"x"}`, ""},

		{plain, `{"a":null}`, nullIsRead}, {`{"type":"object","additionalProperties":{"type":"string"}}`, `{"a":null}`, nullIsRead},
		{`{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, `{"a":null}`, ""},
		{`{"type":"object","minProperties":1,"properties":{"a":{"type":"string"}}}`, `{"a":null}`, ""},
		{`{"type":"array","items":{"type":"string"}}`, `[null]`, ""}, {`{"type":"array","items":{"type":"string","nullable":true}}`, `[null]`, ""},
		{`{"type":"array","items":{"type":"string","default":"x"}}`, `[null]`, nullIsRead},
		{nullable(`"type":"string"`), `{"a":null}`, ""}, {nullable(`"type":"integer","default":5`), `{"a":null}`, ""},
		{nullable(`"type":"string","pattern":"^a$"`), `{"a":null}`, ""}, {nullable(`"type":"object","not":{}`), `{"a":null}`, ""},
		{nullable(`"type":"string","enum":["x"]`), `{"a":null}`, ""}, {nullable(`"type":"string","enum":["x",null]`), `{"a":null}`, nullListed},
		{`{"type":"object","properties":{"a":{"x-kubernetes-preserve-unknown-fields":true}}}`, `{"a":[1,{"b":null}]}`, ""},

		{integer, `1.0`, ""}, {integer, `1e3`, ""}, {integer, `1.5`, ""}, {integer, `9223372036854775807`, ""}, {integer, `9223372036854775808`, ""},
		{integer, `-9223372036854775809`, ""}, {integer, `1e30`, ""}, {integer, `9007199254740991.0`, ""}, {integer, `9007199254740993.0`, ""},
		{`{"type":"number"}`, `1e30`, ""}, {`{"type":"number"}`, `"NaN"`, ""}, {`{"type":"integer","format":"int32"}`, `2147483648`, onlyInforms},
		{`{"type":"integer","multipleOf":2}`, `10000000001`, ""}, {`{"type":"integer","multipleOf":2}`, `10000000000`, ""},
		{`{"type":"number","multipleOf":0.01}`, `0.07`, ""}, {`{"type":"number","multipleOf":0.1}`, `0.35`, ""},
		{`{"type":"number","multipleOf":0.1}`, `0.30000000000000004`, ""}, {`{"type":"number","multipleOf":0.5}`, `3`, cutToInteger},
		{`{"type":"number","minimum":1.5}`, `1`, cutToInteger}, {`{"type":"number","maximum":1.5}`, `2`, ""},
		{`{"type":"integer","maximum":9007199254740992}`, `9007199254740993`, ""}, {`{"type":"integer","maximum":9007199254740992}`, `9007199254740992`, ""},
		{`{"type":"integer","maximum":9007199254740993}`, `9007199254740993`, roundedBound},
		{`{"type":"integer","minimum":-9007199254740992}`, `-9007199254740993`, ""},
		{`{"type":"number","minimum":0,"exclusiveMinimum":true}`, `0`, ""}, {`{"type":"number","minimum":0,"exclusiveMinimum":true}`, `1e-300`, ""},
		{`{"type":"integer","enum":[9007199254740993]}`, `9007199254740992`, ""}, {`{"type":"integer","enum":[9007199254740993]}`, `9007199254740993`, ""},
		{`{"type":"number","enum":[1]}`, `1.0`, ""}, {`{"type":"number","enum":[1]}`, `1.5`, cutToInteger}, {`{"type":"number","enum":[1.5]}`, `1.5`, ""},
		{percent, `5`, ""}, {percent, `"5"`, ""}, {percent, `"5%"`, ""}, {percent, `true`, ""}, {percent, `1.5`, ""}, {percent, `1e30`, ""},

		{`{"type":"string","format":"ipv4"}`, `"x"`, onlyInforms}, {`{"type":"string","format":"password"}`, `"x"`, ""},
		{`{"type":"string","maxLength":1}`, `"é"`, ""}, {`{"type":"string","maxLength":1}`, `"e\u0301"`, ""}, {`{"type":"string","pattern":"^\\d+$"}`, `"12\n"`, ""},
		{`{"type":"string","pattern":"b"}`, `"abc"`, ""}, {`{"type":"array","items":{"type":"string"},"maxItems":1}`, `["a","b"]`, ""},
		{plain, `{"b":1}`, ""}, {`{"type":"object","properties":{"":{"type":"string"}}}`, `{"":1}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.schema+" "+tt.value, func(t *testing.T) {
			want := acceptedByAPIServer(t, tt.schema, tt.value)
			value, err := decode([]byte(tt.value))
			if err != nil {
				t.Fatal(err)
			}
			result, err := (&validator{steps: maxSteps}).result(mustParse(t, tt.schema), value, config)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(result.Errors) == 0; (got != want) != (tt.differs != "") {
				t.Errorf("accepted: %v, by an API server: %v, is to differ: %q: %v", got, want, tt.differs, result.Errors)
			}
		})
	}
}

// acceptedByAPIServer validates a field of an object, as the configuration is one.
func acceptedByAPIServer(t *testing.T, schema, value string) bool {
	t.Helper()
	var props apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal([]byte(`{"type":"object","properties":{"config":`+schema+`}}`), &props); err != nil {
		t.Fatal(err)
	}
	var in apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&props, &in, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := structuralschema.NewStructural(&in)
	if err != nil {
		t.Fatal(err)
	}
	if errs := structuralschema.ValidateStructural(nil, structural); len(errs) > 0 {
		t.Fatal("a CustomResourceDefinition could not have it: ", errs.ToAggregate())
	}
	validator, _, err := validation.NewSchemaValidator(&in)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := utiljson.Unmarshal([]byte(`{"config":`+value+`}`), &object); err != nil {
		t.Fatal(err)
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, structural)
	defaulting.Default(object, structural)
	return len(validation.ValidateCustomResource(nil, object, validator)) == 0
}
