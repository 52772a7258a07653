package migrate

import (
	"os"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/validation"
)

// TestTheServerAdmits what is printed: the schema and rules of the CRD, and those of the webhook.
func TestTheServerAdmits(t *testing.T) {
	internal := schemaOfCRD(t)
	structural, err := structuralschema.NewStructural(internal)
	if err != nil {
		t.Fatal(err)
	}
	schema, _, err := schemavalidation.NewSchemaValidator(internal)
	if err != nil {
		t.Fatal(err)
	}
	rules := cel.NewValidator(structural, true, celconfig.PerCallLimit)
	admitted := 0
	for name, objects := range samples(t) {
		for _, migrated := range Objects(objects, testOptions).Migrated {
			admitted++
			aw := migrated.AutoWasm.DeepCopy()
			if aw.Namespace == "" {
				aw.Namespace = "default"
			}
			errs, _ := validation.Validate(aw, validation.Options{RootNamespace: "istio-system"})
			content := contentOf(t, yamlOf(t, aw))
			errs = append(errs, schemavalidation.ValidateCustomResource(nil, content, schema)...)
			errs = append(errs, listtype.ValidateListSetsAndMaps(nil, structural, content)...)
			ruled, _ := rules.Validate(t.Context(), nil, structural, content, nil, celconfig.RuntimeCELCostBudget)
			if errs = append(errs, ruled...); len(errs) > 0 {
				t.Errorf("%s: AutoWasm %s: %v", name, aw.Name, field.ErrorList(errs).ToAggregate())
			}
		}
	}
	if admitted < 20 {
		t.Errorf("%d AutoWasms are printed for the samples", admitted)
	}
}

func schemaOfCRD(t *testing.T) *apiextensions.JSONSchemaProps {
	t.Helper()
	raw, err := os.ReadFile("../manifests/crd/wasm.tcm.io_autowasms.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &definition); err != nil {
		t.Fatal(err)
	}
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(definition.Spec.Versions[0].Schema.OpenAPIV3Schema, internal, nil); err != nil {
		t.Fatal(err)
	}
	return internal
}

func contentOf(t *testing.T, manifest []byte) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSONStrict(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	return content
}
