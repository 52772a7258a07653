// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// higress is a spec.yaml in the shape of those of Higress's plugins.
const higress = `apiVersion: 1.0.0
info:
  category: auth
  name: sample-auth
spec:
  phase: AUTHN
  routeConfigSchema:
    openAPIV3Schema:
      type: object
  configSchema:
    openAPIV3Schema:
      type: object
      properties:
        keys:
          type: array
          scope: GLOBAL
          title: Names
          x-description-i18n:
          en-US: lost its place
          items:
            type: string
`

const keys = `{"properties":{"keys":{"en-US":"lost its place","items":{"type":"string"},"scope":"GLOBAL","title":"Names","type":"array","x-description-i18n":null}},"type":"object"}`

func TestFromFile(t *testing.T) {
	routes, _, _ := strings.Cut(higress, "  configSchema:")
	tests := []struct{ name, file, want, err string }{
		{"JSON", ` {"type" : "object"} `, `{"type":"object"}`, ""},
		{"YAML", "type: object\nproperties:\n  a: {type: string}\n", `{"properties":{"a":{"type":"string"}},"type":"object"}`, ""},
		{"wrapped", "openAPIV3Schema: {type: object}", `{"type":"object"}`, ""},
		{"Higress", higress, keys, ""},
		{"Higress, of routes", routes, "", "spec.yaml has no spec.configSchema.openAPIV3Schema, only one for routes, spec.routeConfigSchema: an AutoWasm configures the whole plugin"},
		{"Higress, without", "spec: {phase: AUTHN}", "", "spec.yaml has no spec.configSchema.openAPIV3Schema"},
		{"Higress, without a spec", "apiVersion: 1.0.0", "", "spec.yaml has no spec.configSchema.openAPIV3Schema"},
		{"an error in it", "openAPIV3Schema: {type: text}", "", `type: must be one of ["object" "array" "string" "number" "integer" "boolean"]`},
		{"no schema", "- a", "", "must be an object"},
		{"too large", "title: " + strings.Repeat("a", MaxFileBytes), "", "the file has more than 262144 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw, _, err := FromFile([]byte(tt.file))
			words := ""
			if err != nil {
				words = err.Error()
			}
			if diff := cmp.Diff([]string{tt.want, tt.err}, []string{string(raw), words}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFilesDoNotExplode gives an alias of aliases, which is 10^9 items.
func TestFilesDoNotExplode(t *testing.T) {
	var file strings.Builder
	file.WriteString("enum:\n- &a0 [x]\n")
	for i := range 9 {
		file.WriteString("- &a" + string(rune('1'+i)) + " [" + strings.Repeat("*a"+string(rune('0'+i))+",", 10) + "]\n")
	}
	if _, _, err := FromFile([]byte(file.String())); err == nil {
		t.Error("is accepted")
	}
}
