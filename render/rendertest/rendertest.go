// SPDX-License-Identifier: Apache-2.0

// Package rendertest tests the callers of render.EnvoyFilter: whoever renders, the bytes are the same.
package rendertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/validation"
)

// Options are those of a server that is installed as its manifests say.
var Options = render.Options{
	Cluster: "outbound|8081||wasmer.istio-system.svc.cluster.local",
	BaseURL: "http://wasmer.istio-system.svc.cluster.local:8081",
}

// Case is an AutoWasm and what is rendered for it.
type Case struct {
	Name string
	// AutoWasm is as the API server would have it: with defaults and a generation.
	AutoWasm *v1alpha1.AutoWasm
	// Module is what its source resolved to.
	Module render.Module
	// Want is the YAML of render.EnvoyFilter with Options.
	Want string
}

// Cases returns one Case for each AutoWasm in the test data of package render, whose path is given.
func Cases(t testing.TB, testdata string) []Case {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata, "*.in.yaml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d AutoWasms in %s: %v", len(files), testdata, err)
	}
	cases := make([]Case, len(files))
	for i, file := range files {
		aw := read(t, file)
		m := moduleOf(aw)
		ef, err := render.EnvoyFilter(aw, m, Options)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases[i] = Case{Name: strings.TrimSuffix(filepath.Base(file), ".in.yaml"), AutoWasm: aw, Module: m, Want: YAML(t, ef)}
	}
	return cases
}

func read(t testing.TB, file string) *v1alpha1.AutoWasm {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := yaml.Unmarshal(raw, &object); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	validation.Default(object, nil, validation.NamespaceDefaults{})
	aw := &v1alpha1.AutoWasm{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, aw); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	aw.Generation = 1
	return aw
}

// moduleOf has the reference that is known without asking the source; the signature of a URL must not be rendered.
func moduleOf(aw *v1alpha1.AutoWasm) render.Module {
	m := render.Module{SHA256: "750d63889653e7117fcbc0831f10f0e1d3f7ec0c82fe5787b71d08a783e3393f"}
	switch source := aw.Spec.Filter.Source; {
	case source.Object != nil:
		source.Object.URL += "?signature=s3cret"
		m.Reference = source.Object.URL
	case source.ConfigMap != nil:
		m.Reference = fmt.Sprintf("configmap/%s/%s/%s", aw.Namespace, source.ConfigMap.Name, source.ConfigMap.Key)
	}
	return m
}

// YAML returns the bytes to compare.
func YAML(t testing.TB, ef *unstructured.Unstructured) string {
	t.Helper()
	out, err := yaml.Marshal(ef.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
