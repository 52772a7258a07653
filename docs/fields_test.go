package docs_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func TestEveryFieldIsDocumented(t *testing.T) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict([]byte(read(t, "../manifests/crd/wasm.tcm.io_autowasms.yaml")), &crd); err != nil {
		t.Fatal(err)
	}
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
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
