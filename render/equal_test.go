// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/render/rendertest"
)

func TestEqual(t *testing.T) {
	setField := func(value any, path ...string) func(*unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) {
			if err := unstructured.SetNestedField(u.Object, value, path...); err != nil {
				t.Fatal(err)
			}
		}
	}
	dropField := func(path ...string) func(*unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) { unstructured.RemoveNestedField(u.Object, path...) }
	}
	tests := map[string]struct {
		live func(*unstructured.Unstructured)
		want bool
	}{
		"as rendered":        {func(*unstructured.Unstructured) {}, true},
		"what a server adds": {serverFields, true},
		"numbers as floats":  {floats(t), true},
		"others' label":      {setField("x", "metadata", "labels", "team"), true},
		"others' annotation": {setField("x", "metadata", "annotations", "note"), true},
		"others' status":     {setField("x", "status", "y"), true},
		"priority edited":    {setField(int64(9), "spec", "priority"), false},
		"field added":        {setField("x", "spec", "targetRefs"), false},
		"selector widened":   {dropField("spec", "workloadSelector", "labels", "tier"), false},
		"selector narrowed":  {setField("x", "spec", "workloadSelector", "labels", "extra"), false},
		"patches gone":       {dropField("spec", "configPatches"), false},
		"spec gone":          {dropField("spec"), false},
		"label gone":         {dropField("metadata", "labels", v1alpha1.LabelManagedBy), false},
		"label edited":       {setField("x", "metadata", "labels", v1alpha1.LabelName), false},
		"annotation gone":    {dropField("metadata", "annotations", v1alpha1.AnnotationOwner), false},
		"annotation edited":  {setField("x", "metadata", "annotations", v1alpha1.AnnotationModule), false},
		"owned as desired":   {managed(render.FieldManager, metav1.ManagedFieldsOperationApply, v1alpha1.LabelName), true},
		"dropped since":      {managed(render.FieldManager, metav1.ManagedFieldsOperationApply, "old"), false},
		"others' applied":    {managed("kubectl", metav1.ManagedFieldsOperationApply, "old"), true},
		"ours by update":     {managed(render.FieldManager, metav1.ManagedFieldsOperationUpdate, "old"), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			desired := full(t)
			live := desired.DeepCopy()
			test.live(live)
			if got := render.Equal(live, desired); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestEqualKeepsLargeNumbersApart: as floats, these two are one.
func TestEqualKeepsLargeNumbersApart(t *testing.T) {
	with := func(n int64) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"n": n}}}
	}
	if render.Equal(with(9007199254740992), with(9007199254740993)) {
		t.Error("equal")
	}
}

func TestEqualToNothing(t *testing.T) {
	if render.Equal(nil, full(t)) || render.Equal(full(t), nil) || !render.Equal(nil, nil) {
		t.Error("nil is equal to nil only")
	}
}

func full(t testing.TB) *unstructured.Unstructured {
	t.Helper()
	return rendered(t, fullAutoWasm(), testModule, testOptions)
}

func serverFields(u *unstructured.Unstructured) {
	u.SetUID("1")
	u.SetResourceVersion("2")
	u.SetGeneration(3)
	u.SetCreationTimestamp(metav1.Now())
	u.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "v1", Kind: "X", Name: "x", UID: "1"}})
}

// floats reads the object as encoding/json would, with every number a float64.
func floats(t *testing.T) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) {
		raw, err := json.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		u.Object = nil
		if err := json.Unmarshal(raw, &u.Object); err != nil {
			t.Fatal(err)
		}
	}
}

func managed(manager string, operation metav1.ManagedFieldsOperationType, label string) func(*unstructured.Unstructured) {
	return func(u *unstructured.Unstructured) {
		u.SetManagedFields([]metav1.ManagedFieldsEntry{{
			Manager: manager, Operation: operation, APIVersion: istio.EnvoyFilterAPIVersion, FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{".":{},"f:` + label + `":{}}},"f:spec":{}}`),
		}})
	}
}

func TestSameReach(t *testing.T) {
	const a, b = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	of := func(sha256 string, edits ...func(*v1alpha1.AutoWasm)) *unstructured.Unstructured {
		aw := &v1alpha1.AutoWasm{}
		aw.Namespace, aw.Name = "shop", "test"
		aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": "details"}
		aw.Spec.Filter.ApplyPorts = []v1alpha1.Port{9080}
		for _, edit := range edits {
			edit(aw)
		}
		ef, err := render.EnvoyFilter(aw, render.Module{SHA256: sha256}, rendertest.Options)
		if err != nil {
			t.Fatal(err)
		}
		return ef
	}
	asStored := of(b)
	floats(t)(asStored)
	tests := map[string]struct {
		other *unstructured.Unstructured
		want  bool
	}{
		"another module":   {of(b), true},
		"as stored":        {asStored, true},
		"another policy":   {of(a, func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.FailurePolicy = v1alpha1.FailOpen }), true},
		"another selector": {of(a, func(aw *v1alpha1.AutoWasm) { aw.Spec.Selector.MatchLabels = nil }), false},
		"another port":     {of(a, func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.ApplyPorts = []v1alpha1.Port{9081} }), false},
		"another context":  {of(a, func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Context = v1alpha1.Gateway }), false},
		"another version":  {of(a, func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.ProxyVersion = "^1" }), false},
	}
	for name, tt := range tests {
		if got := render.SameReach(of(a), tt.other); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
}
