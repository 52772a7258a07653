// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/render"
	"github.com/autowasm/autowasm/render/rendertest"
)

// resolvedAt has the status say that the source resolved to a module for a generation.
func resolvedAt(generation int64, sha256 string) func(*v1alpha1.AutoWasm) {
	return func(aw *v1alpha1.AutoWasm) {
		aw.Status.Module = moduleStatus(sha256)
		aw.Status.Module.Source = source.SourceID(aw.Spec.Filter.Source)
		aw.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionSourceResolved, Status: metav1.ConditionTrue, ObservedGeneration: generation}}
	}
}

// renderedWith is our EnvoyFilter for the spec of aw and a module.
func renderedWith(t *testing.T, aw *v1alpha1.AutoWasm, sha256 string) *unstructured.Unstructured {
	t.Helper()
	ef, err := wantedEnvoyFilter(aw, moduleStatus(sha256), 0, testRender)
	if err != nil {
		t.Fatal(err)
	}
	ef.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: render.FieldManager, Operation: metav1.ManagedFieldsOperationUpdate}})
	return ef
}

func TestBoundPin(t *testing.T) {
	always := image(imageV1, v1alpha1.PullAlways)
	declared := func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Filter.Source = v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: "https://bucket.example/f.wasm", SHA256: shaB}}
	}
	tests := []struct {
		name string
		aw   *v1alpha1.AutoWasm
		want string
	}{
		{"new", autoWasm(), ""},
		{"resolved", autoWasm(resolvedAt(1, shaA)), shaA},
		{"a module that is no hash", autoWasm(resolvedAt(1, "../../etc/passwd")), ""},
		{"resolved for an earlier generation", autoWasm(resolvedAt(1, shaA), generation(2)), shaA},
		{"resolved for another source", autoWasm(resolvedAt(1, shaA), image(imageV2, "")), ""},
		{"Always, this generation", autoWasm(always, resolvedAt(1, shaA)), shaA},
		{"Always, an earlier generation", autoWasm(always, resolvedAt(1, shaA), generation(2)), ""},
		{"a declared hash", autoWasm(declared, resolvedAt(1, shaB)), shaB},
		{"a declared hash against the status", autoWasm(declared, resolvedAt(1, shaA)), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want *source.Pin
			if tt.want != "" {
				want = &source.Pin{SHA256: tt.want, Reference: fetched(tt.want).Reference}
			}
			if diff := cmp.Diff(want, boundPin(tt.aw)); diff != "" {
				t.Errorf("pin (-want +got):\n%s", diff)
			}
		})
	}
}

// annotated sets an annotation, or removes it when the value is "".
func annotated(key, value string) func(*unstructured.Unstructured) {
	return func(ef *unstructured.Unstructured) {
		annotations := ef.GetAnnotations()
		annotations[key] = value
		if value == "" {
			delete(annotations, key)
		}
		ef.SetAnnotations(annotations)
	}
}

func TestClaimedReference(t *testing.T) {
	tests := []struct {
		name string
		edit func(*unstructured.Unstructured)
		want string
	}{
		{"staged", func(*unstructured.Unstructured) {}, fetched(shaA).Reference},
		{"staged for another spec", annotated(v1alpha1.AnnotationSpecHash, "0123456789abcdef"), ""},
		{"staged without a hash", annotated(v1alpha1.AnnotationSpecHash, ""), ""},
		{"without a reference", annotated(v1alpha1.AnnotationReference, ""), ""},
		{"foreign", func(ef *unstructured.Unstructured) { ef.SetManagedFields(nil) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ef := renderedWith(t, autoWasm(), shaA)
			tt.edit(ef)
			if got := claimedReference(autoWasm(), ef); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := claimedReference(autoWasm(), nil); got != "" {
		t.Errorf("without an EnvoyFilter: %q", got)
	}
}

// Whoever may write EnvoyFilters may write one as if it had been staged. What it says of its module must
// come from the source, with the credentials of the AutoWasm, whatever the store has.
func TestAClaimOfAnEnvoyFilterIsProven(t *testing.T) {
	private := strings.Repeat("c", 64) // of another namespace, in the store
	secret := func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "regcred" }
	tests := map[string]struct {
		edit     func(*unstructured.Unstructured)
		failures map[string]error
		want     string // the module, "" for none
		asked    []string
	}{
		"what admission staged": {
			edit: func(*unstructured.Unstructured) {},
			want: shaB, asked: []string{fetched(shaB).Reference},
		},
		"another's private module": {
			edit: annotated(v1alpha1.AnnotationModule, private),
			want: shaB, asked: []string{fetched(shaB).Reference},
		},
		"another's private module, without a reference": {
			edit: func(ef *unstructured.Unstructured) {
				annotated(v1alpha1.AnnotationModule, private)(ef)
				annotated(v1alpha1.AnnotationReference, "")(ef)
			},
			want: shaA, asked: []string{imageV1},
		},
		"another's private module by its own reference": {
			edit: func(ef *unstructured.Unstructured) {
				annotated(v1alpha1.AnnotationModule, private)(ef)
				annotated(v1alpha1.AnnotationReference, "reg.example/private@sha256:"+private)(ef)
			},
			want: shaA, asked: []string{imageV1},
		},
		"a reference that may change": {
			edit: annotated(v1alpha1.AnnotationReference, imageV2),
			want: shaA, asked: []string{imageV1},
		},
		"a digest that the source does not know": {
			edit:     func(*unstructured.Unstructured) {},
			failures: map[string]error{fetched(shaB).Reference: failure.Terminalf(v1alpha1.ReasonNotFound, "no such digest")},
			want:     shaA, asked: []string{fetched(shaB).Reference, imageV1},
		},
		"a source that does not answer": {
			edit:     func(*unstructured.Unstructured) {},
			failures: map[string]error{imageV1: failure.Transientf(v1alpha1.ReasonUnavailable, "503")},
			asked:    []string{fetched(shaB).Reference},
		},
		"credentials that do not suffice": {
			edit:     func(*unstructured.Unstructured) {},
			failures: map[string]error{imageV1: failure.Terminalf(v1alpha1.ReasonUnauthorized, "401")},
			asked:    []string{fetched(shaB).Reference, imageV1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm(secret), pullSecret("regcred"))
			h.stage(autoWasm(secret), shaB) // the tag has moved since: imageV1 is shaA now
			h.byHand(tt.edit)
			h.sources.store[shaB], h.sources.store[private] = info(shaB), info(private)
			maps.Copy(h.sources.failures, tt.failures)
			h.mustReconcile()

			if got := sha256Of(h.autoWasm().Status.Module); got != tt.want {
				t.Errorf("module = %s, want %s", got, tt.want)
			}
			if adopted := len(h.envoyFilter().GetOwnerReferences()) > 0; adopted != (tt.want != "") {
				t.Errorf("adopted: %v", adopted)
			}
			if diff := cmp.Diff(tt.asked, h.sources.pins(t, "regcred")); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
			if tt.want != "" {
				h.expectConverged()
			}
		})
	}
}

// pins are the images that were asked for, each with the credentials of secret.
func (s *sources) pins(t *testing.T, secret string) []string {
	t.Helper()
	var out []string
	for _, r := range s.ensured {
		out = append(out, r.Source.Registry.Image)
		if r.Secret != secret {
			t.Errorf("asked with the credentials of %q, want %q", r.Secret, secret)
		}
	}
	return out
}

// What the controller wants is what admission staged, and its owner.
func TestWantedIsWhatIsStaged(t *testing.T) {
	for _, c := range rendertest.Cases(t, "../render/testdata") {
		t.Run(c.Name, func(t *testing.T) {
			c.AutoWasm.UID = "uid-1"
			ef, err := wantedEnvoyFilter(c.AutoWasm, &v1alpha1.ModuleStatus{SHA256: c.Module.SHA256, Reference: c.Module.Reference}, 0, rendertest.Options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]metav1.OwnerReference{owner(c.AutoWasm)}, ef.GetOwnerReferences()); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
			unstructured.RemoveNestedField(ef.Object, "metadata", "ownerReferences")
			staged, err := render.EnvoyFilter(c.AutoWasm, c.Module, rendertest.Options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rendertest.YAML(t, staged), rendertest.YAML(t, ef)); diff != "" {
				t.Errorf("bytes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoSignatureInTheEnvoyFilter(t *testing.T) {
	m := moduleStatus(shaA)
	m.Reference = "https://bucket.example/f.wasm?X-Amz-Signature=secret"
	ef, err := wantedEnvoyFilter(autoWasm(), m, 0, testRender)
	if err != nil {
		t.Fatal(err)
	}
	if got := render.ProvenanceOf(ef).Reference; got != "https://bucket.example/f.wasm" {
		t.Errorf("reference = %s", got)
	}
}
