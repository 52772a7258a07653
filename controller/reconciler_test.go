// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/source"
	"github.com/autowasm/autowasm/internal/failure"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

func TestCompleteWithoutTheWebhook(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.mustReconcile()

	if diff := cmp.Diff([]string{"create EnvoyFilter", "status AutoWasm"}, h.forgetWrites()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	ef, aw := h.envoyFilter(), h.autoWasm()
	if !metav1.IsControlledBy(ef, aw) {
		t.Errorf("owners of the EnvoyFilter = %+v", ef.GetOwnerReferences())
	}
	want := render.Provenance{Generation: 1, SpecHash: render.SpecHash(&aw.Spec), Reference: fetched(shaA).Reference}
	if diff := cmp.Diff(want, render.ProvenanceOf(ef)); diff != "" {
		t.Errorf("provenance (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Normal Synced"}, h.announced()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestReconcileTwiceWritesOnce(t *testing.T) {
	tests := map[string]func(*harness){
		"made by the controller": func(*harness) {},
		"staged at admission":    func(h *harness) { h.stage(autoWasm(), shaA) },
		"foreign":                func(h *harness) { h.foreign() },
		"failing": func(h *harness) {
			h.sources.failures[imageV1] = failure.Terminalf(v1alpha1.ReasonNotFound, "no such image")
		},
		"waiting": func(h *harness) {
			h.sources.failures[imageV1] = failure.Transientf(v1alpha1.ReasonUnavailable, "503")
		},
		"invalid": func(h *harness) { h.edit(invalidate) },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm())
			prepare(h)
			h.mustReconcile()
			if len(h.forgetWrites()) == 0 {
				t.Fatal("the first reconcile wrote nothing")
			}
			h.announced()
			for range 3 {
				h.mustReconcile()
			}
			if diff := cmp.Diff([]string(nil), h.forgetWrites()); diff != "" {
				t.Errorf("a reconcile of what is settled wrote (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string(nil), h.announced()); diff != "" {
				t.Errorf("and announced (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAdoptsWhatAdmissionStaged(t *testing.T) {
	h := newHarness(t, autoWasm())
	staged := h.stage(autoWasm(), shaB) // the tag has moved since: imageV1 is shaA now
	h.sources.store[shaB] = info(shaB)
	h.mustReconcile()

	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	if h.sources.calls() != 1 || h.sources.ensured[0].Source.Registry.Image != fetched(shaB).Reference {
		t.Errorf("the source was asked for %+v, want the digest once", h.sources.ensured)
	}
	aw, ef := h.autoWasm(), h.envoyFilter()
	if diff := cmp.Diff(shaB, aw.Status.Module.SHA256); diff != "" {
		t.Errorf("module (-want +got):\n%s", diff)
	}
	if !metav1.IsControlledBy(ef, aw) || ef.GetUID() != staged.GetUID() {
		t.Errorf("not adopted: %+v", ef.GetOwnerReferences())
	}
	unstructured.RemoveNestedField(staged.Object, "spec", "workloadSelector", "labels", v1alpha1.LabelStaged)
	if diff := cmp.Diff(staged.Object["spec"], ef.Object["spec"]); diff != "" {
		t.Errorf("adoption changed more than the selector (-staged +adopted):\n%s", diff)
	}
	if writes := h.forgetWrites(); len(writes) != 2 { // the EnvoyFilter and the status
		t.Errorf("adoption takes %v", writes)
	}
	for _, entry := range ef.GetManagedFields() {
		recorded := entry.FieldsV1.GetRawString() // as updated: no apply can remove these fields
		if entry.Manager == render.FieldManager && entry.Operation == metav1.ManagedFieldsOperationUpdate && recorded != `{"f:metadata":{"f:ownerReferences":{}}}` {
			t.Errorf("recorded as updated are %s", recorded)
		}
	}
}

func TestRemovesAfterAdoption(t *testing.T) {
	h := newHarness(t, autoWasm(func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Selector.MatchLabels["version"] = "v1"
		aw.Labels = map[string]string{istio.LabelRevision: "canary"}
	}))
	h.stage(h.autoWasm(), shaA)
	h.sources.store[shaA] = info(shaA)
	h.mustReconcile()
	h.edit(func(aw *v1alpha1.AutoWasm) {
		delete(aw.Spec.Selector.MatchLabels, "version")
		aw.Labels = nil
	})
	h.mustReconcile()

	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	ef := h.envoyFilter()
	selector, _, _ := unstructured.NestedStringMap(ef.Object, "spec", "workloadSelector", "labels")
	if diff := cmp.Diff(map[string]string{"app": "details"}, selector); diff != "" {
		t.Errorf("selector (-want +got):\n%s", diff)
	}
	if _, ok := ef.GetLabels()[istio.LabelRevision]; ok {
		t.Error("the label istio.io/rev stayed")
	}
}

func TestRestoresHandEdits(t *testing.T) {
	tests := map[string]func(*testing.T, *harness){
		"deleted": func(t *testing.T, h *harness) {
			if err := h.client.Delete(t.Context(), h.envoyFilter()); err != nil {
				t.Fatal(err)
			}
		},
		"patches removed": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) {
				unstructured.RemoveNestedField(ef.Object, "spec", "configPatches")
			})
		},
		"selector label added": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) {
				_ = unstructured.SetNestedField(ef.Object, "v9", "spec", "workloadSelector", "labels", "version")
			})
		},
		"provenance changed": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) {
				annotations := ef.GetAnnotations()
				annotations[v1alpha1.AnnotationModule] = shaB
				annotations[v1alpha1.AnnotationGeneration] = "99"
				ef.SetAnnotations(annotations)
			})
		},
		"our label removed": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) { ef.SetLabels(map[string]string{v1alpha1.LabelName: testKey.Name}) })
		},
		"our label changed": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) { ef.SetLabels(map[string]string{v1alpha1.LabelManagedBy: "Helm"}) })
		},
		"every mark removed": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) {
				ef.SetLabels(nil)
				ef.SetAnnotations(nil)
			})
		},
		"every mark removed and the spec changed": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) {
				ef.SetLabels(nil)
				ef.SetAnnotations(nil)
				unstructured.RemoveNestedField(ef.Object, "spec", "configPatches")
			})
		},
		"owner removed": func(t *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) { ef.SetOwnerReferences(nil) })
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm())
			h.mustReconcile()
			before := h.envoyFilter()
			damage(t, h)
			h.mustReconcile()

			after := h.envoyFilter()
			if diff := cmp.Diff(content(before), content(after)); diff != "" {
				t.Errorf("not restored (-before +after):\n%s", diff)
			}
			h.forgetWrites()
			h.mustReconcile()
			if diff := cmp.Diff([]string(nil), h.forgetWrites()); diff != "" {
				t.Errorf("not settled (-want +got):\n%s", diff)
			}
		})
	}
}

// byHand edits the EnvoyFilter as kubectl edit does.
func (h *harness) byHand(edit func(*unstructured.Unstructured)) {
	h.t.Helper()
	ef := h.envoyFilter()
	edit(ef)
	if err := h.client.Update(h.t.Context(), ef, client.FieldOwner("kubectl-edit")); err != nil {
		h.t.Fatal(err)
	}
	h.forgetWrites()
}

// content is what of an EnvoyFilter is ours to keep.
func content(ef *unstructured.Unstructured) map[string]any {
	raw, err := json.Marshal(ef.Object["spec"])
	if err != nil {
		panic(err)
	}
	return map[string]any{"spec": string(raw), "labels": ef.GetLabels(), "annotations": ef.GetAnnotations(), "owners": ef.GetOwnerReferences()}
}

func TestForeignEnvoyFilterIsNeverTouched(t *testing.T) {
	h := newHarness(t, autoWasm())
	before := h.foreign()
	result := h.mustReconcile()

	h.expect(v1alpha1.PhaseFailed, "False", "ForeignEnvoyFilter")
	if diff := cmp.Diff([]string{"status AutoWasm"}, h.forgetWrites()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.Object, h.envoyFilter().Object); diff != "" {
		t.Errorf("it was changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Warning ForeignEnvoyFilter"}, h.announced()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if result.RequeueAfter < foreignRetry || h.autoWasm().Status.EnvoyFilter != nil {
		t.Errorf("looked at again after %s; status names %v", result.RequeueAfter, h.autoWasm().Status.EnvoyFilter)
	}

	if err := h.client.Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
}

// A foreign EnvoyFilter may name an AutoWasm as its owner, so that it goes with it; one of ours that was deleted
// and written by hand is no longer ours.
func TestForeignChildIsNeverTouched(t *testing.T) {
	tests := map[string]func(*unstructured.Unstructured){
		"it names the AutoWasm as its controller": func(*unstructured.Unstructured) {},
		"and bears our marks": func(ef *unstructured.Unstructured) {
			ef.SetLabels(map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
			ef.SetAnnotations(map[string]string{v1alpha1.AnnotationOwner: testKey.String()})
		},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm())
			h.foreign()
			h.byHand(func(ef *unstructured.Unstructured) {
				ef.SetOwnerReferences([]metav1.OwnerReference{owner(autoWasm())})
				edit(ef)
			})
			before := h.envoyFilter()
			h.mustReconcile()
			h.expect(v1alpha1.PhaseFailed, "False", "ForeignEnvoyFilter")
			if diff := cmp.Diff(before.Object, h.envoyFilter().Object); diff != "" {
				t.Errorf("it was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A foreign EnvoyFilter that takes the place of ours after it was read must not be overwritten by the write that was
// decided on.
func TestForeignEnvoyFilterThatComesInBetween(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.mustReconcile()
	h.byHand(func(ef *unstructured.Unstructured) {
		unstructured.RemoveNestedField(ef.Object, "spec", "configPatches")
	})
	aw := h.autoWasm()
	wanted, err := wantedEnvoyFilter(aw, aw.Status.Module, 0, testRender)
	if err != nil {
		t.Fatal(err)
	}
	seen := h.envoyFilter()
	if err := h.client.Delete(t.Context(), seen); err != nil {
		t.Fatal(err)
	}
	foreign := h.foreign()

	if _, err := h.reconciler.converge.change(t.Context(), seen, wanted); err == nil {
		t.Error("the write went through")
	}
	if diff := cmp.Diff(foreign.Object, h.envoyFilter().Object); diff != "" {
		t.Errorf("it was changed (-before +after):\n%s", diff)
	}
}

func TestAnotherOwnersChildIsTakenOver(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.mustReconcile()
	if err := h.client.Delete(t.Context(), h.autoWasm()); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Create(t.Context(), autoWasm(func(aw *v1alpha1.AutoWasm) { aw.UID = "uid-2" })); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	owners := h.envoyFilter().GetOwnerReferences()
	if len(owners) != 1 || owners[0].UID != "uid-2" {
		t.Errorf("owners = %+v, want the new AutoWasm alone", owners)
	}
}

func TestOutdatedReadsWriteNothing(t *testing.T) {
	tests := map[string]func(*testing.T, *harness){
		"a newer generation was applied": func(t *testing.T, h *harness) {
			h.mustReconcile()
			old := h.autoWasm()
			h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
			h.mustReconcile()
			h.stale = old
		},
		"a newer generation exists": func(t *testing.T, h *harness) {
			old := h.autoWasm()
			h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
			h.stale = old
		},
		"another object of that name": func(t *testing.T, h *harness) {
			h.stale = autoWasm(func(aw *v1alpha1.AutoWasm) { aw.UID = "uid-0" })
		},
		"no object of that name": func(t *testing.T, h *harness) {
			h.stale = h.autoWasm()
			if err := h.client.Delete(t.Context(), h.autoWasm()); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm())
			prepare(t, h)
			before := h.envoyFilter()
			h.forgetWrites()
			h.mustReconcile()
			if diff := cmp.Diff([]string(nil), h.forgetWrites()); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, h.envoyFilter()); diff != "" {
				t.Errorf("EnvoyFilter (-before +after):\n%s", diff)
			}
		})
	}
}

func TestFailingUpdateLeavesTheOldOneInForce(t *testing.T) {
	tests := map[string]struct {
		err           *failure.Error
		phase         v1alpha1.Phase
		ready, reason string
	}{
		"terminal":  {failure.Terminalf(v1alpha1.ReasonNotFound, "no such image"), v1alpha1.PhaseFailed, "False", "NotFound"},
		"transient": {failure.Transientf(v1alpha1.ReasonUnavailable, "503"), v1alpha1.PhasePending, "Unknown", "Unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm())
			h.mustReconcile()
			before := h.envoyFilter()
			h.sources.failures[imageV2] = tt.err
			h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
			h.mustReconcile()

			h.expect(tt.phase, tt.ready, tt.reason)
			status := h.autoWasm().Status
			if want := tt.err.Error() + "; the EnvoyFilter of generation 1 stays in force"; status.Message != want {
				t.Errorf("message = %q, want %q", status.Message, want)
			}
			if status.Module.SHA256 != shaA || status.Module.Source != "registry:"+imageV1 {
				t.Errorf("module = %+v, want the one that runs", status.Module)
			}
			if diff := cmp.Diff(before, h.envoyFilter()); diff != "" {
				t.Errorf("EnvoyFilter (-before +after):\n%s", diff)
			}

			delete(h.sources.failures, imageV2)
			h.mustReconcile()
			h.expect(v1alpha1.PhaseSynced, "True", "Synced")
			if got := h.envoyFilter().GetAnnotations()[v1alpha1.AnnotationModule]; got != shaB {
				t.Errorf("module = %s, want %s", got, shaB)
			}
		})
	}
}

func TestPins(t *testing.T) {
	t.Run("a tag that moved changes nothing", func(t *testing.T) {
		h := newHarness(t, autoWasm())
		h.mustReconcile()
		h.sources.modules[imageV1] = fetched(shaB)
		h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.RootID = "other" })
		h.mustReconcile()
		if got := h.autoWasm().Status.Module.SHA256; got != shaA {
			t.Errorf("module = %s, want %s", got, shaA)
		}
	})
	t.Run("Always resolves again once for each generation", func(t *testing.T) {
		h := newHarness(t, autoWasm(image(imageV1, v1alpha1.PullAlways)))
		h.mustReconcile()
		h.sources.modules[imageV1] = fetched(shaB)
		h.mustReconcile()
		if got := h.autoWasm().Status.Module.SHA256; got != shaA {
			t.Errorf("same generation: module = %s, want %s", got, shaA)
		}
		h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.RootID = "other" })
		h.mustReconcile()
		h.mustReconcile()
		if got := h.autoWasm().Status.Module.SHA256; got != shaB {
			t.Errorf("next generation: module = %s, want %s", got, shaB)
		}
		if h.sources.calls() != 2 {
			t.Errorf("the source was asked %d times, want 2", h.sources.calls())
		}
	})
	t.Run("Always, applied just before a crash", func(t *testing.T) {
		h := newHarness(t, autoWasm(image(imageV1, v1alpha1.PullAlways)))
		h.mustReconcile()
		h.sources.modules[imageV1] = fetched(shaB)
		h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.RootID = "other" })
		h.failing = 3 // the status, after the patch and the apply of the EnvoyFilter
		if _, err := h.reconcile(); err == nil {
			t.Fatalf("the status was written: %v", h.writes)
		}
		h.start()
		h.sources.modules[imageV1] = fetched(shaA)
		h.mustReconcile()
		if got := h.autoWasm().Status.Module.SHA256; got != shaB {
			t.Errorf("module = %s, want the one that was applied", got)
		}
	})
	t.Run("Always does not fall back to what an earlier generation resolved", func(t *testing.T) {
		h := newHarness(t, autoWasm(image(imageV1, v1alpha1.PullAlways)))
		h.mustReconcile()
		h.sources.failures[imageV1] = failure.Transientf(v1alpha1.ReasonUnavailable, "503")
		h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.RootID = "other" })
		h.mustReconcile()
		h.mustReconcile()
		h.expect(v1alpha1.PhasePending, "Unknown", "Unavailable")
	})
}

func TestAStoreThatLostTheModule(t *testing.T) {
	prepare := func(t *testing.T) *harness {
		h := newHarness(t, autoWasm())
		h.mustReconcile()
		h.start()
		clear(h.sources.store)
		h.sources.ensured = nil
		h.forgetWrites()
		return h
	}
	t.Run("a peer has it", func(t *testing.T) {
		h := prepare(t)
		h.sources.peers[shaA] = info(shaA)
		h.mustReconcile()
		if h.sources.calls() != 0 || len(h.forgetWrites()) != 0 {
			t.Errorf("asked the source %d times", h.sources.calls())
		}
	})
	t.Run("the source has it", func(t *testing.T) {
		h := prepare(t)
		h.sources.modules[imageV1] = fetched(shaB) // the tag has moved
		h.mustReconcile()
		want := []source.Request{{Namespace: "shop", Name: "test", Referenced: true, Source: v1alpha1.Source{Registry: &v1alpha1.RegistrySource{Image: fetched(shaA).Reference}}}}
		if diff := cmp.Diff(want, h.sources.ensured); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if _, ok := h.sources.Lookup(shaA); !ok {
			t.Error("the module is still missing")
		}
		if diff := cmp.Diff([]string(nil), h.forgetWrites()); diff != "" {
			t.Errorf("writes (-want +got):\n%s", diff)
		}
	})
	t.Run("no peer answers", func(t *testing.T) {
		h := prepare(t)
		before := h.envoyFilter()
		h.sources.failures[imageV1] = failure.Transientf(v1alpha1.ReasonUnavailable, "503")
		h.mustReconcile()
		h.expect(v1alpha1.PhasePending, "Unknown", "Unavailable")
		if diff := cmp.Diff(before, h.envoyFilter()); diff != "" {
			t.Errorf("EnvoyFilter (-before +after):\n%s", diff)
		}
	})
	t.Run("the source holds something else now", func(t *testing.T) {
		h := prepare(t)
		aw := h.autoWasm()
		_, err := h.reconciler.obtain.pinned(t.Context(), aw, &source.Pin{SHA256: shaB}) // no reference to pin by
		if f := failure.Of(err); f == nil || f.Reason != v1alpha1.ReasonDigestMismatch || !f.Terminal {
			t.Errorf("err = %v, want a terminal DigestMismatch", err)
		}
	})
}

func TestNothingIsRenderedBeforeTheModuleIsHere(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.stage(autoWasm(), shaA)
	h.sources.failures[imageV1] = failure.Transientf(v1alpha1.ReasonUnavailable, "503")
	h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.RootID = "other" })
	before := h.envoyFilter()
	h.mustReconcile()
	if diff := cmp.Diff(before, h.envoyFilter()); diff != "" {
		t.Errorf("EnvoyFilter (-before +after):\n%s", diff)
	}
	if h.autoWasm().Status.Module != nil {
		t.Error("the status names a module that is not here")
	}
}

func TestInvalidSpecIsReported(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.edit(invalidate)
	result := h.mustReconcile()
	h.expect(v1alpha1.PhaseFailed, "False", "InvalidSpec")
	if h.envoyFilter() != nil || h.sources.calls() != 0 {
		t.Error("an invalid spec was acted on")
	}
	if result.RequeueAfter < terminalRetry {
		t.Errorf("looked at again after %s", result.RequeueAfter)
	}
}

// The API server does not send the objects of the root namespace, nor of wasmer's own, to the webhook: the controller
// has to hold them to the rules.
func TestReconcilerHoldsToTheScope(t *testing.T) {
	r := newReconciler(nil, nil, nil, nil, Options{OwnNamespace: "wasmer", RootNamespace: "mesh-root"})
	const meshWide, self = v1alpha1.AnnotationAllowMeshWide, v1alpha1.AnnotationAllowSelf
	for name, tt := range map[string]struct {
		namespace, app string
		annotations    map[string]string
		refused        string
	}{
		"a namespace of no meaning":    {"shop", "", nil, ""},
		"the root":                     {"mesh-root", "details", nil, "metadata.namespace"},
		"the root, with permission":    {"mesh-root", "details", map[string]string{meshWide: "true"}, ""},
		"all of the root":              {"mesh-root", "", map[string]string{meshWide: "true"}, "spec.selector.matchLabels"},
		"others in wasmer's namespace": {"wasmer", "details", nil, ""},
		"wasmer":                       {"wasmer", "", nil, "spec.selector.matchLabels"},
		"wasmer, with permission":      {"wasmer", "", map[string]string{self: "true"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			aw := autoWasm()
			aw.Namespace, aw.Annotations = tt.namespace, tt.annotations
			aw.Spec.Selector.MatchLabels = nil
			if tt.app != "" {
				aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": v1alpha1.LabelValue(tt.app)}
			}
			got := ""
			if f := r.checkSpec(aw); f != nil {
				got, _, _ = strings.Cut(f.Error(), ":")
			}
			if got != tt.refused {
				t.Errorf("refused for %q, want %q", got, tt.refused)
			}
		})
	}
}

func TestSlowFetchIsReportedAndLeftToTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, autoWasm())
		fetcher := newSlowFetcher(t, time.Minute, nil)
		h.options.Fetcher = fetcher
		h.start()
		if result := h.mustReconcile(); result.RequeueAfter != 0 {
			t.Errorf("again after %s, want that the end of the fetch enqueues it", result.RequeueAfter)
		}
		h.expect(v1alpha1.PhaseFetching, "Unknown", "Pending")
		if got := h.announced(); got != nil {
			t.Errorf("events = %v, want none for work under way", got)
		}
		time.Sleep(time.Minute)
		h.mustReconcile()
		h.expect(v1alpha1.PhaseSynced, "True", "Synced")
		if n := fetcher.begun(); n != 1 {
			t.Errorf("fetched %d times, want 1", n)
		}
	})
}

func TestGoneAutoWasmIsForgotten(t *testing.T) {
	h := newHarness(t)
	if result := h.mustReconcile(); result.RequeueAfter != 0 || len(h.writes) != 0 {
		t.Errorf("result = %+v, writes = %v", result, h.writes)
	}
}
