// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/runtime"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestCRDNames(t *testing.T) {
	crd := newServer(t).Definition
	want := apiextensionsv1.CustomResourceDefinitionNames{
		Plural: "autowasms", Singular: "autowasm", ShortNames: []string{"aw"}, Kind: v1alpha1.Kind, ListKind: "AutoWasmList",
		Categories: []string{"istio-io"}, // kubectl get istio-io has all that configures the mesh
	}
	if diff := cmp.Diff(want, crd.Spec.Names); diff != "" {
		t.Error(diff)
	}
	version := crd.Spec.Versions[0]
	if crd.Spec.Group != v1alpha1.GroupVersion.Group || version.Name != v1alpha1.GroupVersion.Version ||
		crd.Spec.Scope != apiextensionsv1.NamespaceScoped || !version.Served || !version.Storage {
		t.Errorf("the CRD serves %s/%s, %s", crd.Spec.Group, version.Name, crd.Spec.Scope)
	}
	if version.Subresources == nil || version.Subresources.Status == nil {
		t.Error("the CRD has no status subresource")
	}
}

func TestAddToScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{v1alpha1.Kind, v1alpha1.Kind + "List"} {
		if _, err := scheme.New(v1alpha1.GroupVersion.WithKind(kind)); err != nil {
			t.Error(err)
		}
	}
}

func TestSchemaIsStructural(t *testing.T) {
	s := newServer(t)
	if errs := structuralschema.ValidateStructural(nil, s.Structural); len(errs) > 0 {
		t.Error(errs)
	}
	errs, err := defaulting.ValidateDefaults(t.Context(), nil, s.Structural, true, true)
	if err != nil || len(errs) > 0 {
		t.Error(errs, err)
	}
}

// Only the plugin's configuration may hold what is not declared, so that strict validation finds typos everywhere
// else.
func TestOnlyConfigPreservesUnknownFields(t *testing.T) {
	var got []string
	walk(newServer(t).Props, "", func(path string, s *apiextensions.JSONSchemaProps) {
		if s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields {
			got = append(got, path)
		}
	})
	if diff := cmp.Diff([]string{".spec.filter.config"}, got); diff != "" {
		t.Error(diff)
	}
}

// kubectl explain has words for every field of the spec and of the status.
func TestEveryFieldIsDescribed(t *testing.T) {
	walk(newServer(t).Props, "", func(path string, s *apiextensions.JSONSchemaProps) {
		if s.Description == "" && path != ".metadata" {
			t.Errorf("%s has no description", path)
		}
	})
}

func walk(s *apiextensions.JSONSchemaProps, path string, visit func(string, *apiextensions.JSONSchemaProps)) {
	visit(path, s)
	for name, property := range s.Properties {
		walk(&property, path+"."+name, visit)
	}
	if s.Items != nil {
		walk(s.Items.Schema, path+"[]", visit)
	}
}

// The costs that the API server allows to the rules of a CRD.
const (
	ruleCostLimit  = 10_000_000
	totalCostLimit = 100_000_000
)

// Every rule compiles, and costs a tenth of what the API server allows at most: it counts a rule once for each
// element that the schema lets a list have.
func TestRulesAreCheap(t *testing.T) {
	s := newServer(t)
	r := &rules{t: t, env: environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())}
	r.visit(s.Structural, model.SchemaDeclType(s.Structural, true), "", 1)
	if r.count != 8 {
		t.Errorf("found %d rules, want 8", r.count)
	}
	if r.total > totalCostLimit/10 {
		t.Errorf("the rules cost %d together, the API server allows %d", r.total, totalCostLimit)
	}
}

// rules adds up what the rules of a schema cost.
type rules struct {
	t     *testing.T
	env   *environment.EnvSet
	count int
	total uint64
}

func (r *rules) visit(s *structuralschema.Structural, declared *apiservercel.DeclType, path string, times uint64) {
	results, err := cel.Compile(s, declared, celconfig.PerCallLimit, r.env, cel.NewExpressionsEnvLoader())
	if err != nil {
		r.t.Fatalf("%s: %v", path, err)
	}
	for i, result := range results {
		r.add(path, s.XValidations[i].Rule, result, times)
	}
	for name, property := range s.Properties {
		if field := declared.Fields[strings.TrimPrefix(name, ".")]; field != nil {
			r.visit(&property, field.Type, path+"."+name, times)
		}
	}
	if s.Items != nil {
		r.visit(s.Items, declared.ElemType, path+"[]", times*uint64(declared.MaxElements))
	}
}

func (r *rules) add(path, rule string, result cel.CompilationResult, times uint64) {
	if result.Error != nil {
		r.t.Errorf("%s: rule %s: %v", path, rule, result.Error)
	}
	cost := result.MaxCost * times
	if cost > ruleCostLimit/10 {
		r.t.Errorf("%s: rule %s costs %d, the API server allows %d", path, rule, cost, ruleCostLimit)
	}
	r.count++
	r.total += cost
}
