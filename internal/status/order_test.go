// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// TestOrder: as istiod sorts EnvoyFilters.
func TestOrder(t *testing.T) {
	of := func(namespace, name string, priority int32, age time.Duration) Report {
		created := ago(age)
		return Report{Namespace: namespace, Name: name, Priority: priority, Selects: Selects{MeshWide: namespace == "root"}, EnvoyFilter: EnvoyFilter{Created: &created}}
	}
	want := []Report{
		of("a", "lowest", -1, time.Minute), of("root", "new", 0, time.Minute), of("a", "old", 0, time.Hour),
		of("a", "b-c", 0, time.Second), of("a", "b", 0, time.Second), of("root", "late", 1, time.Hour),
		{Namespace: "a", Name: "none", Priority: 1}, // without an EnvoyFilter
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, CompareOrder)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLevels(t *testing.T) {
	findings := filter()
	findings.Status.Conditions = append(findings.Status.Conditions, condition(v1alpha1.ConditionPreflightPassed, "False", v1alpha1.ReasonPortNotInService, "…", time.Minute))
	outdated := filter()
	outdated.Generation++
	for want, aw := range map[Level]*v1alpha1.AutoWasm{
		Fine: filter(), Attention: findings, Pending: outdated, Failed: failing("False", v1alpha1.ReasonNotFound, "…"),
	} {
		if got := Of(Objects{AutoWasm: aw, EnvoyFilter: envoyFilter(aw)}).Level(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestSourceKeepsSecrets: of a URL, the report has what is no credential.
func TestSourceKeepsSecrets(t *testing.T) {
	aw := filter()
	for address, want := range map[string]string{
		"https://bucket.example/f.wasm":                     "https://bucket.example/f.wasm",
		"https://bucket.example/f.wasm?X-Signature=hunter2": "https://bucket.example/f.wasm?…",
		"https://user:hunter2@bucket.example/f.wasm":        "https://bucket.example/f.wasm",
	} {
		aw.Spec.Filter.Source = v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: address}}
		if got := Of(Objects{AutoWasm: aw}).Source; got != want {
			t.Errorf("%s is shown as %s, want %s", address, got, want)
		}
	}
}

// TestRootNamespace: where it is known, it says which AutoWasms are mesh-wide, and not an annotation.
func TestRootNamespace(t *testing.T) {
	aw := filter()
	aw.Annotations = map[string]string{v1alpha1.AnnotationAllowMeshWide: "true"}
	for root, want := range map[string]bool{"": true, "istio-system": false, "default": true} {
		if got := Of(Objects{AutoWasm: aw, RootNamespace: root}).Selects.MeshWide; got != want {
			t.Errorf("with the root namespace %q it is mesh-wide: %t", root, got)
		}
	}
}
