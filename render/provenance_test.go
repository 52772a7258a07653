package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

func TestProvenanceRoundTrip(t *testing.T) {
	ef, err := render.EnvoyFilter(autoWasm(), testModule, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	want := render.Provenance{Generation: 3, SpecHash: "0123456789abcdef", Reference: "reg.example/f@sha256:00"}
	render.SetProvenance(ef, want)
	if diff := cmp.Diff(want, render.ProvenanceOf(ef)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"wasm.tcm.io/owner":      "default/test",
		"wasm.tcm.io/module":     tutorialSHA256,
		"wasm.tcm.io/plugin":     render.PluginOf(ef).String(),
		"wasm.tcm.io/generation": "3",
		"wasm.tcm.io/spec-hash":  "0123456789abcdef",
		"wasm.tcm.io/reference":  "reg.example/f@sha256:00",
	}, ef.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	render.SetProvenance(ef, render.Provenance{})
	if diff := cmp.Diff(render.Provenance{}, render.ProvenanceOf(ef)); diff != "" || len(ef.Annotations) != 3 {
		t.Errorf("after clearing: %v %s", ef.Annotations, diff)
	}
}

func TestProvenanceEditedByHand(t *testing.T) {
	edited := &metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationGeneration: "many"}}
	if got := render.ProvenanceOf(edited); got.Generation != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestOwnedBy(t *testing.T) {
	aw := types.NamespacedName{Namespace: "default", Name: "test"}
	ours := func(change func(*metav1.ObjectMeta)) *metav1.ObjectMeta {
		meta := &metav1.ObjectMeta{
			Namespace: "default", Name: "test",
			Labels:        map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
			Annotations:   map[string]string{v1alpha1.AnnotationOwner: "default/test"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}, {Manager: render.FieldManager}},
		}
		change(meta)
		return meta
	}
	tests := map[string]struct {
		change func(*metav1.ObjectMeta)
		want   bool
	}{
		"ours":               {func(*metav1.ObjectMeta) {}, true},
		"no label":           {func(m *metav1.ObjectMeta) { m.Labels = nil }, false},
		"other label":        {func(m *metav1.ObjectMeta) { m.Labels[v1alpha1.LabelManagedBy] = "Helm" }, false},
		"no owner":           {func(m *metav1.ObjectMeta) { m.Annotations = nil }, false},
		"copied elsewhere":   {func(m *metav1.ObjectMeta) { m.Name = "copy" }, false},
		"other namespace":    {func(m *metav1.ObjectMeta) { m.Namespace = "other" }, false},
		"owner of another":   {func(m *metav1.ObjectMeta) { m.Annotations[v1alpha1.AnnotationOwner] = "default/other" }, false},
		"never written":      {func(m *metav1.ObjectMeta) { m.ManagedFields = m.ManagedFields[:1] }, false},
		"only a subresource": {func(m *metav1.ObjectMeta) { m.ManagedFields[1].Subresource = "status" }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := render.OwnedBy(ours(test.change), aw); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestChildOf(t *testing.T) {
	aw := &metav1.ObjectMeta{Namespace: "default", Name: "test", UID: "uid-1"}
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
			ef := &metav1.ObjectMeta{
				Namespace: "default", Name: "test",
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(aw, kind)},
				ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubectl"}, {Manager: render.FieldManager}},
			}
			test.change(ef)
			if got := render.ChildOf(ef, aw); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSpecHash(t *testing.T) {
	hash := func(change func(*v1alpha1.Filter)) string { return render.SpecHash(&edit(change).Spec) }
	config := func(raw string) string { return hash(func(f *v1alpha1.Filter) { f.Config = configJSON(raw) }) }
	plain := hash(func(*v1alpha1.Filter) {})
	if len(plain) != 16 {
		t.Fatalf("got %q, want 16 digits", plain)
	}
	same := map[string][2]string{
		"key order":   {config(`{"a":1,"b":2}`), config(`{"b":2,"a":1}`)},
		"white space": {config(`{"a":1}`), config("{ \"a\" : 1\n}")},
		"empty list":  {plain, hash(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{} })},
	}
	for name, pair := range same {
		if pair[0] != pair[1] || pair[0] == "" {
			t.Errorf("%s: %q and %q differ", name, pair[0], pair[1])
		}
	}
	different := map[string][2]string{
		"value":       {config(`{"a":1}`), config(`{"a":2}`)},
		"big numbers": {config(`9007199254740992`), config(`9007199254740993`)},
		"a port":      {plain, hash(func(f *v1alpha1.Filter) { f.ApplyPorts = []v1alpha1.Port{80} })},
		"priority 0":  {plain, hash(func(f *v1alpha1.Filter) { f.Priority = new(int32) })},
	}
	for name, pair := range different {
		if pair[0] == pair[1] {
			t.Errorf("%s: both %q", name, pair[0])
		}
	}
	if got := config(`{`); got != "" {
		t.Errorf("broken config: %q", got)
	}
}
