// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const explained = `{"type":"object","title":"Key auth","description":"Lets those pass that know a key,\nand nobody else; and this line is long enough that it has to be wrapped somewhere.",
	"required":["consumers"],"properties":{
	"consumers":{"type":"array","description":"Who may pass.","items":{"type":"object","required":["name"],"properties":{
		"name":{"type":"string","description":"A name."},"limit":{"x-kubernetes-int-or-string":true}}}},
	"mode":{"type":"string","enum":["allow","deny"],"default":"deny","description":"What to do\u001b[31m."},
	"labels":{"type":"object","additionalProperties":{"type":"string"}},
	"extra":{}}}`

func TestExplain(t *testing.T) {
	tests := []struct{ name, path, want, err string }{
		{"all", "", `FIELD: spec.filter.config <Object>

DESCRIPTION:
    Key auth
    Lets those pass that know a key,
    and nobody else; and this line is long enough that it has to be wrapped
    somewhere.

FIELDS:
  consumers	<[]Object> -required-
    Who may pass.

  extra	<any>

  labels	<map[string]string>

  mode	<string>
  enum: "allow", "deny"
    What to do[31m.
`, ""},
		{"a list", "consumers", `FIELD: spec.filter.config.consumers <[]Object>

DESCRIPTION:
    Who may pass.

FIELDS:
  limit	<IntOrString>

  name	<string> -required-
    A name.
`, ""},
		{"in a list", "consumers.name", "FIELD: spec.filter.config.consumers.name <string>\n\nDESCRIPTION:\n    A name.\n", ""},
		{"a scalar", "mode", "FIELD: spec.filter.config.mode <string>\nENUM: \"allow\", \"deny\"\nDEFAULT: \"deny\"\n\nDESCRIPTION:\n    What to do[31m.\n", ""},
		{"a typo", "consumers.nam", "", `the configuration has no field "consumers.nam": there are limit, name`},
		{"below a scalar", "mode.a", "", `the configuration has no field "mode.a": nothing is listed there`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			words := ""
			if err := mustParse(t, explained).Explain(&out, strings.FieldsFunc(tt.path, func(r rune) bool { return r == '.' })...); err != nil {
				words = err.Error()
			}
			if diff := cmp.Diff([]string{tt.want, tt.err}, []string{out.String(), words}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExplainRecursively(t *testing.T) {
	const want = `FIELD: spec.filter.config <Object>

DESCRIPTION:
    Key auth
    Lets those pass that know a key,
    and nobody else; and this line is long enough that it has to be wrapped
    somewhere.

FIELDS:
  consumers	<[]Object> -required-
    limit	<IntOrString>
    name	<string> -required-
  extra	<any>
  labels	<map[string]string>
  mode	<string>
`
	var out strings.Builder
	err := mustParse(t, explained).ExplainRecursively(&out)
	if diff := cmp.Diff(want, out.String()); diff != "" || err != nil {
		t.Error(err, diff)
	}
}
