// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var config = field.NewPath("spec", "filter", "config")

// found is what a validation says, in words.
func found(t testing.TB, schema, value string) []string {
	t.Helper()
	result, err := mustParse(t, schema).Validate([]byte(value), config)
	if err != nil {
		return []string{err.Error()}
	}
	var words []string
	for _, e := range result.Errors {
		said, ok := strings.CutSuffix(e.Error(), bySchema)
		if !ok {
			t.Errorf("not said to come of the schema: %v", e)
		}
		words = append(words, strings.TrimPrefix(said, "spec.filter."))
	}
	for _, path := range result.Unknown {
		words = append(words, "unknown "+strings.TrimPrefix(path.String(), "spec.filter."))
	}
	return words
}

const keyAuth = `{"type":"object","required":["consumers"],"properties":{
	"global_auth":{"type":"boolean"},
	"consumers":{"type":"array","items":{"type":"object","required":["name","credential"],
		"properties":{"name":{"type":"string","minLength":6,"pattern":"^[a-z0-9]+$"},"credential":{"type":"string","minLength":4}}}}}}`

func TestValidate(t *testing.T) {
	tests := []struct {
		name, schema, value string
		want                []string
	}{
		{"all is well", keyAuth, `{"consumers":[{"name":"consumer1","credential":"admin:123456"}]}`, nil},
		{"deep below", keyAuth, `{"global_auth":"yes","consumers":[{"name":"a!","credential":"x"},{"name":"consumer2"}]}`, []string{
			"config.consumers[0].credential: Invalid value: must have at least 4 characters, not 1",
			"config.consumers[0].name: Invalid value: must have at least 6 characters, not 2",
			"config.consumers[0].name: Invalid value: must match the regular expression ^[a-z0-9]+$",
			"config.consumers[1].credential: Required value: must be set",
			"config.global_auth: Invalid value: must be a boolean, not a string",
		}},
		{"a typo", keyAuth, `{"consumers":[],"globalauth":true}`, []string{"unknown config.globalauth"}},
		{"a typo that is ruled out", `{"properties":{"a":{}},"additionalProperties":false}`, `{"b":1}`,
			[]string{"config.b: Forbidden: there is no such field"}},
		{"more is meant to come", `{"properties":{"a":{}},"x-kubernetes-preserve-unknown-fields":true}`, `{"b":1}`, nil},
		{"more is allowed", `{"properties":{"a":{}},"additionalProperties":true}`, `{"b":1}`, nil},
		{"a map", `{"additionalProperties":{"type":"integer"}}`, `{"a":1,"b.c":"x"}`, []string{"config[b.c]: Invalid value: must be an integer, not a string"}},
		{"nothing where something is required", keyAuth, "", []string{"config.consumers: Required value: must be set"}},
		{"nothing where nothing is required", `{"type":"object"}`, "", nil},
		{"nothing where it may be else", `{"anyOf":[{"type":"string"}]}`, "", nil},
		{"nothing for a string", `{"type":"string","minLength":3}`, "", nil},
		{"null is nothing", keyAuth, "null", []string{"config.consumers: Required value: must be set"}},
		{"null below", keyAuth, `{"consumers":null}`, []string{"config.consumers: Invalid value: must be an array, not null"}},
		{"null that is allowed", `{"type":"object","nullable":true}`, "null", nil},

		{"JSON in a string", keyAuth, `"{\"consumers\":[{}]}"`, []string{
			"config.consumers[0].name: Required value: must be set",
			"config.consumers[0].credential: Required value: must be set"}},
		{"an empty text", `{"type":"object"}`, `""`, nil},
		{"an empty text where something is required", keyAuth, `""`, []string{"config.consumers: Required value: must be set"}},
		{"an empty text where strings are taken", `{"type":"string","minLength":1}`, `""`, []string{
			"config: Invalid value: must have at least 1 characters, not 0"}},
		{"another text", keyAuth, `"consumers: []"`, []string{"config: Invalid value: must be an object, not a string"}},
		{"a string is wanted", `{"type":"string","maxLength":3}`, `"{}{}"`, []string{"config: Invalid value: must have at most 3 characters, not 4"}},
		{"a string is possible", `{"anyOf":[{"type":"string"},{"type":"object"}]}`, `"12"`, nil},
		{"JSON in a string, by alternatives", `{"oneOf":[{"type":"array"},{"type":"object"}]}`, `"[]"`, nil},

		{"bounds", `{"type":"array","items":{"minimum":1,"maximum":3}}`, `[0,1,3,4]`, []string{
			"config[0]: Invalid value: 0: must be at least 1", "config[3]: Invalid value: 4: must be at most 3"}},
		{"exclusive bounds", `{"items":{"minimum":1,"exclusiveMinimum":true,"maximum":3,"exclusiveMaximum":true}}`, `[1,2,3]`, []string{
			"config[0]: Invalid value: 1: must be above 1", "config[2]: Invalid value: 3: must be below 3"}},
		{"numbers beyond floats", `{"maximum":10}`, `1e999`, []string{"config: Invalid value: +Inf: must be at most 10"}},
		{"multiples", `{"items":{"multipleOf":0.1}}`, `[0.3,0.35]`, []string{"config[1]: Invalid value: 0.35: must be a multiple of 0.1"}},
		{"integers", `{"items":{"type":"integer"}}`, `[1,1.0,1.5]`, []string{"config[2]: Invalid value: must be an integer, not a number"}},
		{"an integer or a string", `{"items":{"x-kubernetes-int-or-string":true}}`, `[1,"50%",true]`, []string{
			"config[2]: Invalid value: must be an integer or a string, not a boolean"}},
		{"enum", `{"items":{"enum":["a",1,null]}}`, `["a",1.0,null,"b"]`, []string{`config[3]: Invalid value: "b": must be one of "a", 1, null`}},
		{"items", `{"minItems":3,"maxItems":1,"uniqueItems":true}`, `[{"a":1,"b":2},{"b":2,"a":1}]`, []string{
			"config: Invalid value: must have at least 3 items, not 2", "config: Invalid value: must have at most 1 items, not 2",
			"config[1]: Invalid value: must not be there twice"}},
		{"fields", `{"minProperties":2,"maxProperties":0}`, `{"a":1}`, []string{
			"config: Invalid value: must have at least 2 fields, not 1", "config: Invalid value: must have at most 0 fields, not 1"}},
		{"allOf", `{"allOf":[{"required":["a"]},{"required":["b"]}]}`, `{}`, []string{
			"config.a: Required value: must be set", "config.b: Required value: must be set"}},
		{"anyOf", `{"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{"b":1}`, nil},
		{"none of anyOf", `{"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{}`, []string{
			"config: Invalid value: must match at least one of 2 schemas; by the first: spec.filter.config.a: Required value: must be set"}},
		{"both of oneOf", `{"oneOf":[{"required":["a"]},{"required":["b"]}]}`, `{"a":1,"b":1}`, []string{
			"config: Invalid value: must match exactly one of 2 schemas, but matches 2"}},
		{"not", `{"not":{"type":"string"}}`, `["a"]`, nil},
		{"not at all", `{"not":{"type":"array"}}`, `["a"]`, []string{"config: Invalid value: must not match the schema in not"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, found(t, tt.schema, tt.value)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestValidationIsBounded gives the schemas and configurations that cost most for their size: each is as large as it may be.
func TestValidationIsBounded(t *testing.T) {
	const size = 256 << 10 // of a configuration
	repeated := func(item string, total int) string {
		return "[" + strings.Repeat(item+",", (total-len(item))/(len(item)+1)) + item + "]"
	}
	alternatives := func(schema string) string {
		list := repeated(schema, min(4000*(len(schema)+1), MaxBytes-1000))
		return `{"anyOf":` + strings.TrimSuffix(list, "]") + `,{}]}`
	}
	var wide strings.Builder
	for i := range size / 12 {
		fmt.Fprintf(&wide, `"key%d":1,`, i)
	}
	object, text := "{"+wide.String()+`"a":1}`, `"`+strings.Repeat("a", size-2)+`"`
	list := "[" + strings.Repeat("1,", 20) + "1]"
	ones := repeated("1", size)
	deepSchema, deepValue := `{"items":{"not":{"anyOf":[{"type":"object"}]}}}`, ones[:size/2]+"]"
	for range 28 {
		deepSchema, deepValue = `{"properties":{`+text[:127]+`":`+deepSchema+`}}`, `{`+text[:127]+`":`+deepValue+`}`
	}
	tests := []struct {
		name, schema, value string
		costly              bool
	}{
		{"each item by many schemas", `{"items":{"allOf":` + repeated(`{"minimum":0}`, 50_000) + `}}`, ones, true},
		{"integers that are compared with fractions", `{"items":{"allOf":` + repeated(`{"minimum":0.5}`, 50_000) + `}}`, ones, true},
		{"errors of alternatives", `{"items":` + alternatives(`{"type":"object"}`) + `}`, ones[:2*100] + "]", true},
		{"names that are sorted", alternatives(`{"additionalProperties":false}`), object, true},
		{"names that are required", `{"items":{"required":` + repeated(`"a"`, 60_000) + `}}`, repeated(`{"a":1}`, size), true},
		{"characters that are counted", `{"items":` + alternatives(`{"maxLength":1}`) + `}`, "[" + text + "]", true},
		{"an enum of many", `{"items":{"enum":[` + strings.Repeat("0,", 30_000) + `1]}}`, ones, true},
		{"an enum of large ones", `{"items":{"enum":[` + strings.Repeat(strings.Replace(list, "1]", "2],", 1), 1200) + list + `]}}`, repeated(list, size), true},
		{"unique lists", `{"allOf":` + repeated(`{"uniqueItems":true}`, 60_000) + `}`, "[" + ones[:size/2] + "]," + strings.Replace(ones[:size/2-2], "1", "2", 1) + "]]", true},
		{"a large expression on a large string", `{"pattern":"^(a?){1000}b$"}`, text, true},
		{"an expression that is just not too large", `{"pattern":"^(a?){150}b$"}`, text[:1000] + `"`, false},
		{"an expression on many strings", `{"items":{"pattern":"(x+x+)+y"}}`, repeated(`"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`, size), false},
		{"an expression on empty strings", `{"items":{"pattern":"(a?b?c?d?e?f?g?h?){500}"}}`, repeated(`""`, size), true},
		{"a long name", alternatives(`{"additionalProperties":false}`), `{` + text + `:1}`, true},
		{"a long name that is required", `{"items":{"not":{"required":[` + text[:60_000] + `"]}}}`, repeated(`{"a":1}`, size), true},
		{"a long name in an enum", `{"items":{"not":{"enum":[{` + text[:60_000] + `":1}]}}}`, ones, true},
		{"a long string that is no value of an enum", `{"not":` + alternatives(`{"enum":[1]}`) + `}`, text, false},
		{"a duplicate among many", `{"allOf":` + repeated(`{"uniqueItems":true}`, 60_000) + `}`, ones, false},
		{"long paths of errors", deepSchema, deepValue, true},
		{"a deep configuration", `{"enum":[` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `]}`, strings.Repeat("[", 9001) + strings.Repeat("]", 9001), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustParse(t, tt.schema)
			began := time.Now()
			result, err := s.Validate([]byte(tt.value), config)
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			if costly := errors.Is(err, ErrTooCostly); costly != tt.costly || !costly && len(result.Errors) == 0 {
				t.Errorf("%v, %v", result, err)
			}
		})
	}
}

// TestLargeConfigurationsAreValidated: what is written by hand, and as large as it may be, is far from the bound.
func TestLargeConfigurationsAreValidated(t *testing.T) {
	const consumer = `{"name":"consumer1","credential":"admin:123456-0123456789"}`
	for _, schema := range []string{
		keyAuth,
		strings.Replace(keyAuth, `"required":["name",`, `"required":["name","scope",`, 1),
	} {
		schema = strings.Replace(schema, `"properties":{"name"`, `"properties":{"scope":{"type":"string","default":"all"},"name"`, 1)
		if words := found(t, schema, `{"consumers":[`+strings.Repeat(consumer+",", 4000)+consumer+`]}`); words != nil {
			t.Error(words)
		}
	}
}

// TestMessagesAreBounded is about the words of a module that get into an answer.
func TestMessagesAreBounded(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, schema := range []string{
		fmt.Sprintf(`{"required":[%q]}`, long),
		fmt.Sprintf(`{"properties":{"a":{"enum":[%q]}}}`, long),
		`{"additionalProperties":false}`,
	} {
		for _, words := range found(t, schema, fmt.Sprintf(`{"a":"secret\u001b[31m","%s2":1}`, long)) {
			if len(words) > 512 || strings.Contains(words, "\x1b") {
				t.Errorf("%d bytes: %q", len(words), words)
			}
		}
	}
	nested := strings.Repeat(`{"anyOf":[`, 30) + "{}" + strings.Repeat("]}", 30)
	for _, words := range found(t, strings.Replace(nested, "{}", `{"type":"string"}`, 1), "1") {
		if len(words) > 640 {
			t.Errorf("%d bytes: %q", len(words), words)
		}
	}
	if words := found(t, `{"pattern":"^$"}`, `"secret"`); strings.Contains(fmt.Sprint(words), "secret") {
		t.Errorf("a string is repeated: %q", words)
	}
	if words := found(t, `{"items":{"type":"string"}}`, "["+strings.Repeat("1,", 100)+"1]"); len(words) != maxErrors {
		t.Errorf("%d errors", len(words))
	}
}
