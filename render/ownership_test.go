// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

// staged is the EnvoyFilter of autoWasm() as admission makes it.
func staged(change func(*metav1.ObjectMeta)) *metav1.ObjectMeta {
	ef := &metav1.ObjectMeta{
		Namespace: "default", Name: "test",
		Labels:        map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
		Annotations:   map[string]string{v1alpha1.AnnotationOwner: "default/test"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}, {Manager: render.FieldManager}},
	}
	change(ef)
	return ef
}

func TestOwnershipByMarks(t *testing.T) {
	tests := map[string]struct {
		change         func(*metav1.ObjectMeta)
		ours, isStaged bool
	}{
		"staged":             {func(*metav1.ObjectMeta) {}, true, true},
		"no label":           {func(m *metav1.ObjectMeta) { m.Labels = nil }, false, false},
		"other label":        {func(m *metav1.ObjectMeta) { m.Labels[v1alpha1.LabelManagedBy] = "Helm" }, false, false},
		"no owner":           {func(m *metav1.ObjectMeta) { m.Annotations = nil }, false, false},
		"copied elsewhere":   {func(m *metav1.ObjectMeta) { m.Name = "copy" }, false, false},
		"other namespace":    {func(m *metav1.ObjectMeta) { m.Namespace = "other" }, false, false},
		"owner of another":   {func(m *metav1.ObjectMeta) { m.Annotations[v1alpha1.AnnotationOwner] = "default/other" }, false, false},
		"never written":      {func(m *metav1.ObjectMeta) { m.ManagedFields = m.ManagedFields[:1] }, false, false},
		"only a subresource": {func(m *metav1.ObjectMeta) { m.ManagedFields[1].Subresource = "status" }, false, false},
		"a child of another": {func(m *metav1.ObjectMeta) { m.OwnerReferences = []metav1.OwnerReference{{Name: "x"}} }, true, false},
		"being deleted":      {func(m *metav1.ObjectMeta) { now := metav1.Now(); m.DeletionTimestamp = &now }, true, false},
		"of another AutoWasm": {func(m *metav1.ObjectMeta) {
			m.Name, m.Annotations[v1alpha1.AnnotationOwner] = "other", "default/other"
		}, false, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ef := staged(test.change)
			if got := render.IsOurs(ef, autoWasm()); got != test.ours {
				t.Errorf("IsOurs = %v, want %v", got, test.ours)
			}
			if got := render.IsStaged(ef); got != test.isStaged {
				t.Errorf("IsStaged = %v, want %v", got, test.isStaged)
			}
		})
	}
}

// TestOwnershipByController: an adopted EnvoyFilter that has lost its marks is ours.
func TestOwnershipByController(t *testing.T) {
	aw := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.UID = "uid-1" })
	kind := v1alpha1.GroupVersion.WithKind(v1alpha1.Kind)
	tests := map[string]struct {
		change func(*metav1.ObjectMeta)
		want   bool
	}{
		"without any mark": {func(*metav1.ObjectMeta) {}, true},
		"no owner":         {func(m *metav1.ObjectMeta) { m.OwnerReferences = nil }, false},
		"an owner that is not its controller": {func(m *metav1.ObjectMeta) {
			m.OwnerReferences[0].Controller = nil
		}, false},
		"another object's of that name": {func(m *metav1.ObjectMeta) { m.OwnerReferences[0].UID = "uid-0" }, false},
		"copied elsewhere":              {func(m *metav1.ObjectMeta) { m.Name = "copy" }, false},
		"other namespace":               {func(m *metav1.ObjectMeta) { m.Namespace = "other" }, false},
		"never written":                 {func(m *metav1.ObjectMeta) { m.ManagedFields = m.ManagedFields[:1] }, false},
		"only a subresource":            {func(m *metav1.ObjectMeta) { m.ManagedFields[1].Subresource = "status" }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ef := staged(func(m *metav1.ObjectMeta) {
				m.Labels, m.Annotations = nil, nil
				m.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(aw, kind)}
				test.change(m)
			})
			if got := render.IsOurs(ef, aw); got != test.want || render.IsStaged(ef) {
				t.Errorf("IsOurs = %v, want %v; IsStaged = %v", got, test.want, render.IsStaged(ef))
			}
		})
	}
}

func TestIsFor(t *testing.T) {
	ef := rendered(t, autoWasm(), testModule, testOptions)
	relabelled := autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Generation, aw.Labels = 7, map[string]string{"a": "b"} })
	if !render.IsFor(ef, relabelled) {
		t.Error("not for an equal spec")
	}
	if render.IsFor(ef, edit(func(f *v1alpha1.Filter) { f.RootID = "other" })) {
		t.Error("for another spec")
	}
	broken := edit(func(f *v1alpha1.Filter) { f.Config = configJSON(`{`) })
	if render.IsFor(&metav1.ObjectMeta{}, broken) {
		t.Error("no hash is for a spec without one")
	}
}
