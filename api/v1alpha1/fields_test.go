// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// Every field of the types is in the schema and the other way round, of the same type, and required in both or in
// none: neither side was changed alone.
func TestTypesAndSchemaHaveTheSameFields(t *testing.T) {
	ofTypes, ofSchema := map[string]string{}, map[string]string{}
	typeFields(ofTypes, "", reflect.TypeFor[v1alpha1.AutoWasm]())
	schemaFields(ofSchema, "", newServer(t).Props)
	if len(ofTypes) < 40 {
		t.Errorf("found only %d fields", len(ofTypes))
	}
	if diff := cmp.Diff(ofTypes, ofSchema); diff != "" {
		t.Errorf("-types +schema:\n%s", diff)
	}
}

// leaves are Go types that JSON writes as something else than their structure.
var leaves = map[reflect.Type]string{
	reflect.TypeFor[metav1.ObjectMeta]():    "object",
	reflect.TypeFor[metav1.Time]():          "string",
	reflect.TypeFor[apiextensionsv1.JSON](): "any",
}

var jsonTypes = map[reflect.Kind]string{
	reflect.Struct: "object", reflect.Map: "object", reflect.Slice: "array", reflect.String: "string",
	reflect.Bool: "boolean", reflect.Int32: "integer", reflect.Int64: "integer",
}

// typeFields notes the JSON type of every field below a Go type, by its path.
func typeFields(fields map[string]string, path string, of reflect.Type) {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	kind, leaf := leaves[of]
	if !leaf {
		kind = jsonTypes[of.Kind()]
	}
	fields[path] += kind
	switch {
	case leaf:
	case of.Kind() == reflect.Struct:
		structFields(fields, path, of)
	case of.Kind() == reflect.Map:
		typeFields(fields, path+".*", of.Elem())
	case of.Kind() == reflect.Slice:
		typeFields(fields, path+"[]", of.Elem())
	}
}

func structFields(fields map[string]string, path string, of reflect.Type) {
	for field := range of.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "inline" {
			structFields(fields, path, field.Type)
			continue
		}
		if !strings.Contains(options, "omit") {
			fields[path+"."+name] = "required "
		}
		typeFields(fields, path+"."+name, field.Type)
	}
}

// schemaFields does the same for a schema.
func schemaFields(fields map[string]string, path string, of *apiextensions.JSONSchemaProps) {
	kind := of.Type
	if of.XPreserveUnknownFields != nil && *of.XPreserveUnknownFields {
		kind = "any"
	}
	fields[path] += kind
	for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
		property := of.Properties[name]
		if slices.Contains(of.Required, name) {
			fields[path+"."+name] = "required "
		}
		schemaFields(fields, path+"."+name, &property)
	}
	if of.AdditionalProperties != nil {
		schemaFields(fields, path+".*", of.AdditionalProperties.Schema)
	}
	if of.Items != nil {
		schemaFields(fields, path+"[]", of.Items.Schema)
	}
}
