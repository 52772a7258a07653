// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func schemaOf(t *testing.T) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict([]byte(read(t, "../manifests/crd/wasm.tcm.io_autowasms.yaml")), &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

func TestEveryFieldIsDocumented(t *testing.T) {
	schema := schemaOf(t)
	have := append(fieldsOf(schema.Properties["spec"], "spec"), fieldsOf(schema.Properties["status"], "status")...)
	slices.Sort(have)
	if diff := cmp.Diff(have, firstCells(read(t, "api.md"), `(?:spec|status)\.[A-Za-z0-9.]+`)); diff != "" {
		t.Errorf("fields of the CRD (-) and in the tables of api.md (+):\n%s", diff)
	}
}

// fieldsOf lists the fields below a path. The conditions are Kubernetes' own.
func fieldsOf(schema apiextensionsv1.JSONSchemaProps, path string) []string {
	var found []string
	if schema.Items != nil && path != "status.conditions" {
		found = fieldsOf(*schema.Items.Schema, path)
	}
	for name, property := range schema.Properties {
		found = append(found, path+"."+name)
		found = append(found, fieldsOf(property, path+"."+name)...)
	}
	return found
}

// fact is what a row of api.md says that can be compared: a number, or a word in code font.
var fact = regexp.MustCompile("`[^`]+`|[0-9][0-9.]*[0-9]|[0-9]")

// TestExplainSaysWhatThePageSays: kubectl explain prints a field's description and its type alone, so that the limits, the
// default and the values of the page are in its description.
func TestExplainSaysWhatThePageSays(t *testing.T) {
	schema, api := schemaOf(t), read(t, "api.md")
	rows := regexp.MustCompile("(?m)^\\| `(spec\\.[A-Za-z0-9.]+)` \\| ([^|]*) \\| (.*) \\|$").FindAllStringSubmatch(api, -1)
	if len(rows) < 20 {
		t.Fatalf("the table of the spec is not found any more: %d rows", len(rows))
	}
	for _, row := range rows {
		explained := explain(*schema, strings.Split(row[1], "."))
		page := regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(row[2]+" "+row[3], "")
		for _, f := range fact.FindAllString(page, -1) {
			if f = strings.Trim(f, "`"); !strings.Contains(explained, f) {
				t.Errorf("kubectl explain aw.%s does not say %s, as api.md does", row[1], f)
			}
		}
	}
}

// explain is what kubectl explain prints of the field at a path: its description, and the values of an enum.
func explain(schema apiextensionsv1.JSONSchemaProps, path []string) string {
	for _, name := range path {
		if schema.Items != nil {
			schema = *schema.Items.Schema
		}
		schema = schema.Properties[name]
	}
	text := strings.Join(strings.Fields(schema.Description), " ")
	for _, value := range schema.Enum {
		text += " " + string(value.Raw)
	}
	return text
}
