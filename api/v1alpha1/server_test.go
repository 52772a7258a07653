package v1alpha1_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// server does with an object what an API server does that serves the generated CRD, with the API server's own code
// and in its order.
type server struct {
	crd        *apiextensionsv1.CustomResourceDefinition
	internal   *apiextensions.JSONSchemaProps
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	cel        *cel.Validator
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{crd: loadCRD(t), internal: &apiextensions.JSONSchemaProps{}}
	if len(s.crd.Spec.Versions) != 1 {
		t.Fatalf("the CRD has %d versions, the test knows 1", len(s.crd.Spec.Versions))
	}
	props := s.crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, s.internal, nil); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.structural, err = structuralschema.NewStructural(s.internal); err != nil {
		t.Fatal(err)
	}
	if s.schema, _, err = validation.NewSchemaValidator(s.internal); err != nil {
		t.Fatal(err)
	}
	s.cel = cel.NewValidator(s.structural, true, celconfig.PerCallLimit)
	return s
}

func loadCRD(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	file, err := os.ReadFile("../../manifests/crd/wasm.tcm.io_autowasms.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(file, &crd); err != nil {
		t.Fatal(err)
	}
	return &crd
}

// answer is what the API server says to a create.
type answer struct {
	// Unknown are the fields that strict validation refuses and that are pruned otherwise.
	Unknown []string
	// Refused are the fields that are invalid, each with the kind of fault.
	Refused []string
	// messages are the reasons in full.
	messages []string
}

// create takes an object through decoding and validation. The object is changed into what is stored and read back.
func (s *server) create(t *testing.T, object map[string]any) answer {
	t.Helper()
	delete(object, "status") // as of everything with a status subresource
	var a answer
	a.Unknown = pruning.PruneWithOptions(object, s.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(object, s.structural)
	defaulting.Default(object, s.structural)
	for _, err := range s.validate(t, object) {
		a.Refused = append(a.Refused, err.Field+": "+string(err.Type))
		a.messages = append(a.messages, err.Error())
	}
	slices.Sort(a.Refused)
	return a
}

// validate checks an object as the API server does: the rules in CEL only when the schema finds nothing that would
// confuse them.
func (s *server) validate(t *testing.T, object map[string]any) field.ErrorList {
	errs := validation.ValidateCustomResource(nil, object, s.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, object)...)
	if slices.ContainsFunc(errs, blocksCEL) {
		return errs
	}
	more, _ := s.cel.Validate(t.Context(), nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, more...)
}

func blocksCEL(err *field.Error) bool {
	return slices.Contains([]field.ErrorType{
		field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid,
	}, err.Type)
}

// parse reads a manifest as the API server would get it from kubectl.
func parse(t *testing.T, manifest string) map[string]any {
	t.Helper()
	text, err := yaml.YAMLToJSONStrict([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return parseJSON(t, text)
}

func parseJSON(t *testing.T, text []byte) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := json.Unmarshal(bytes.TrimSpace(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// minimal is the smallest valid object.
const minimal = `
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: test, namespace: default}
spec:
  filter:
    source:
      registry: {image: "reg.example/filter:v1"}
`

// edit is a value to be set at a dotted path; nil removes what is there.
type edit struct {
	path  string
	value any
}

// object returns the minimal object with edits.
func object(t *testing.T, edits ...edit) map[string]any {
	t.Helper()
	o := parse(t, minimal)
	for _, e := range edits {
		steps := strings.Split(e.path, ".")
		parent := o
		for _, step := range steps[:len(steps)-1] {
			if parent[step] == nil {
				parent[step] = map[string]any{}
			}
			parent = parent[step].(map[string]any)
		}
		if last := steps[len(steps)-1]; e.value == nil {
			delete(parent, last)
		} else {
			parent[last] = e.value
		}
	}
	return o
}
