// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, schema string) *Schema {
	t.Helper()
	s, err := Parse([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func nested(depth int) string {
	return strings.Repeat(`{"items":`, depth) + "{}" + strings.Repeat("}", depth)
}

func wide(properties int) string {
	var names []string
	for i := range properties {
		names = append(names, fmt.Sprintf(`"p%d":{}`, i))
	}
	return `{"properties":{` + strings.Join(names, ",") + "}}"
}

// TestParseRefuses is about what a module must not do to the server, and what would change the meaning of a schema.
func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, schema, want string }{
		{"more bytes", `{"title":"` + strings.Repeat("a", MaxBytes) + `"}`, "it has 65548 bytes, more than 65536"},
		{"no JSON", "type: object", "it is not JSON: invalid character 'y' in literal true (expecting 'r')"},
		{"two values", "{}{}", "it is not JSON: something follows the value"},
		{"a list", "[]", "must be an object"},
		{"depth", nested(33), "items" + strings.Repeat(".items", 20) + "….items"},
		{"nodes", wide(4096), "properties[p999]: more than 4096 schemas"},
		{"a reference", `{"properties":{"a":{"$ref":"https://example.com/s.json"}}}`,
			"properties[a]: $ref is not supported: write the schema in OpenAPI 3.0, without references"},
		{"a later draft", `{"not":{"const":1}}`, "not: const is not supported: write the schema in OpenAPI 3.0, without references"},
		{"several types", `{"type":["string","null"]}`,
			`type: must be one of ["object" "array" "string" "number" "integer" "boolean"]`},
		{"a backreference", `{"pattern":"(a)\\1"}`, "pattern: not a regular expression in RE2's syntax: error parsing regexp: invalid escape sequence: `\\1`"},
		{"a long pattern", `{"pattern":"` + strings.Repeat("a", maxPattern+1) + `"}`, "pattern: must be a regular expression of at most 1024 bytes"},
		{"a pattern that is long once compiled", `{"pattern":"(abcdefghijklmnop){900}"}`, "pattern: the regular expressions have more than 10000 instructions"},
		{"repetitions of repetitions", `{"pattern":"((a{30}){30}){30}"}`, "pattern: not a regular expression in RE2's syntax: error parsing regexp: invalid repeat count: `{30}`"},
		{"many patterns", `{"anyOf":[` + strings.Repeat(`{"pattern":"a{900}"},`, 10) + `{"pattern":"a{900}"}]}`,
			"anyOf[5].pattern: the regular expressions have more than 10000 instructions"},
		{"an enum of nothing", `{"enum":[]}`, "enum: must be a list of values"},
		{"an exclusive bound of JSON Schema", `{"exclusiveMinimum":3}`, "exclusiveMinimum: must be true or false"},
		{"half an item", `{"minItems":0.5}`, "minItems: must be an integer of at least 0"},
		{"required of no names", `{"required":[1]}`, "required: must be a list of names"},
		{"no properties", `{"properties":[]}`, "properties: must be an object"},
		{"multiples of nothing", `{"multipleOf":0}`, "multipleOf: must be above 0"},
		{"no alternatives", `{"oneOf":{}}`, "oneOf: must be a list of schemas"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.schema))
			if err == nil {
				t.Fatal("is accepted")
			}
			if tt.name == "depth" { // the path is cut
				if !strings.HasSuffix(err.Error(), "schemas are nested more than 32 deep") {
					t.Error(err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestParseTolerates is about what is in the files of the field.
func TestParseTolerates(t *testing.T) {
	for _, schema := range []string{
		`{}`,
		nested(32),
		wide(4095),
		`{"x-title-i18n":{"en-US":"Key"},"x-description-i18n":null,"en-US":"a mistake of indentation","scope":"GLOBAL"}`,
		`{"type":"object","required":true,"example":{"a":1},"examples":[1]}`,
		`{"format":"no such format","type":"string"}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","$id":"x","$defs":{"a":{"$ref":"#/b"}}}`,
	} {
		if _, err := Parse([]byte(schema)); err != nil {
			t.Errorf("%.80s: %v", schema, err)
		}
	}
}

// TestParsingIsBounded gives the schemas that cost most to read for their size, which is the largest.
func TestParsingIsBounded(t *testing.T) {
	full := func(begin, item, end string) string {
		return begin + strings.Repeat(item+",", (MaxBytes-len(begin)-len(item)-len(end))/(len(item)+1)) + item + end
	}
	var patterns strings.Builder
	for i := range 900 {
		fmt.Fprintf(&patterns, `{"pattern":"(?i)[a-z\\pL]*%d"},`, i)
	}
	var optional strings.Builder
	for i := range 330 {
		fmt.Fprintf(&optional, "%c?", 0x100+2*i)
	}
	tests := map[string]string{
		"schemas":              full(`{"anyOf":[`, `{}`, `]}`),
		"patterns":             `{"anyOf":[` + patterns.String() + `{}]}`,
		"a pattern of classes": full(`{"anyOf":[`, `{"pattern":"`+strings.Repeat(`\\pL`, 255)+`"}`, `]}`),
		"classes of nothing":   full(`{"anyOf":[`, `{"pattern":"[`+strings.Repeat(`\\pL\\PL`, 128)+`]"}`, `]}`),
		"ranges that fold":     full(`{"anyOf":[`, `{"pattern":"(?i)[`+strings.Repeat("B-\U0001e942", 160)+`]"}`, `]}`),
		"optional characters":  full(`{"anyOf":[`, `{"pattern":"^`+optional.String()+`$"}`, `]}`),
		"values":               full(`{"enum":[`, "0", `]}`),
		"nested values":        `{"enum":[` + strings.Repeat("[", 9990) + strings.Repeat("]", 9990) + "]}",
		"nested too deep":      strings.Repeat(`{"not":`, 8000) + "{}" + strings.Repeat("}", 8000),
		"names":                full(`{"required":[`, `"a"`, `]}`),
		"a number":             `{"minimum":1` + strings.Repeat("0", MaxBytes-20) + `}`,
		"groups":               `{"pattern":"` + strings.Repeat("(", 512) + strings.Repeat(")", 512) + `"}`,
	}
	for name, schema := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			_, err := Parse([]byte(schema))
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d bytes: %v, %d KiB, %v", len(schema), took, allocated>>10, err)
			if took > 2*time.Second || allocated > 16<<20 {
				t.Errorf("took %v and %d KiB", took, allocated>>10)
			}
		})
	}
}
