// SPDX-License-Identifier: Apache-2.0

// Package crdtest checks AutoWasms in tests as an API server does that serves the CRD of the manifests, with the API
// server's own code.
package crdtest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// Schema is that of the CRD's one version, in the forms that the API server's code takes.
type Schema struct {
	// Definition is the CRD.
	Definition *apiextensionsv1.CustomResourceDefinition
	// Props is the schema as it is written.
	Props *apiextensions.JSONSchemaProps
	// Structural is the same for pruning and defaults.
	Structural *structuralschema.Structural

	validator validation.SchemaValidator
	cel       *cel.Validator
}

// Load reads the CRD from the directory manifests, whose path from the test is given.
func Load(t testing.TB, manifests string) *Schema {
	t.Helper()
	s := &Schema{Definition: read(t, filepath.Join(manifests, "crd", "wasm.tcm.io_autowasms.yaml")), Props: &apiextensions.JSONSchemaProps{}}
	if len(s.Definition.Spec.Versions) != 1 {
		t.Fatalf("the CRD has %d versions, the test knows 1", len(s.Definition.Spec.Versions))
	}
	props := s.Definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, s.Props, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Structural, err = structuralschema.NewStructural(s.Props); err != nil {
		t.Fatal(err)
	}
	if s.validator, _, err = validation.NewSchemaValidator(s.Props); err != nil {
		t.Fatal(err)
	}
	s.cel = cel.NewValidator(s.Structural, true, celconfig.PerCallLimit)
	return s
}

func read(t testing.TB, path string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(file, &crd); err != nil {
		t.Fatal(err)
	}
	return &crd
}

// Validate checks an object as the API server does: the rules in CEL only when the schema finds nothing that would
// confuse them. Whole numbers in the object are int64.
func (s *Schema) Validate(t testing.TB, object map[string]any) field.ErrorList {
	t.Helper()
	errs := validation.ValidateCustomResource(nil, object, s.validator)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.Structural, object)...)
	if slices.ContainsFunc(errs, blocksCEL) {
		return errs
	}
	more, _ := s.cel.Validate(t.Context(), nil, s.Structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, more...)
}

func blocksCEL(err *field.Error) bool {
	return slices.Contains([]field.ErrorType{
		field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid,
	}, err.Type)
}
