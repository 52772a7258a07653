// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// stageBeside stages an EnvoyFilter for autoWasm() where aw exists.
func stageBeside(aw *v1alpha1.AutoWasm) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		stageAlone(nil)(t, h)
		if err := h.client.Create(t.Context(), aw.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		h.forgetWrites()
	}
}

// sweepers are a sweeper and its clock.
type sweepers struct {
	*sweeper
	h     *harness
	clock time.Time
}

func (h *harness) sweeper() *sweepers {
	s := &sweepers{h: h, clock: testTime}
	s.sweeper = &sweeper{
		client:   h.client,
		cache:    cached{h},
		live:     h.client,
		grace:    DefaultSweepGrace,
		events:   h.events,
		now:      func() time.Time { return s.clock },
		observed: map[types.NamespacedName]firstTime{},
	}
	return s
}

// sweepAfter runs the sweeper at a time after testTime.
func (s *sweepers) sweepAfter(after time.Duration) (reconcile.Result, error) {
	s.clock = testTime.Add(after)
	return s.Reconcile(s.h.t.Context(), reconcile.Request{NamespacedName: testKey})
}

// sweep has a sweeper see the EnvoyFilter and come back after a time.
func (h *harness) sweep(after time.Duration) (reconcile.Result, error) {
	h.t.Helper()
	s := h.sweeper()
	if _, err := s.sweepAfter(0); err != nil {
		h.t.Fatal(err)
	}
	return s.sweepAfter(after)
}

func TestSweep(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*testing.T, *harness)
		age     time.Duration
		swept   bool
		again   time.Duration
	}{
		{"staged, its AutoWasm never came", stageAlone(nil), time.Minute, true, 0},
		{"staged, within the grace", stageAlone(nil), 2 * time.Second, false, 3 * time.Second},
		{"staged, at the end of the grace", stageAlone(nil), DefaultSweepGrace, true, 0},
		{"another object's child", stageAlone(func(ef *unstructured.Unstructured) {
			ef.SetOwnerReferences([]metav1.OwnerReference{owner(autoWasm())})
		}), time.Minute, false, 0},
		{"a copy under another name", stageAlone(func(ef *unstructured.Unstructured) {
			annotations := ef.GetAnnotations()
			annotations[v1alpha1.AnnotationOwner] = "shop/original"
			ef.SetAnnotations(annotations)
		}), time.Minute, false, 0},
		{"without our label", stageAlone(func(ef *unstructured.Unstructured) { ef.SetLabels(nil) }), time.Minute, false, 0},
		{"foreign", func(_ *testing.T, h *harness) { h.foreign() }, time.Minute, false, 0},
		{"its AutoWasm exists", stageBeside(autoWasm()), time.Minute, false, 0},
		{"its AutoWasm exists with another spec", stageBeside(autoWasm(image(imageV2, ""))), time.Minute, true, 0},
		{"its AutoWasm exists with another spec, within the grace", stageBeside(autoWasm(image(imageV2, ""))), 2 * time.Second, false, 3 * time.Second},
		{"adopted, and its AutoWasm has another spec now", func(t *testing.T, h *harness) {
			stageBeside(autoWasm(image(imageV2, ""), generation(2)))(t, h)
			h.byHand(func(ef *unstructured.Unstructured) {
				ef.SetOwnerReferences([]metav1.OwnerReference{owner(autoWasm())})
			})
		}, time.Minute, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t)
			tt.prepare(t, h)
			result, err := h.sweep(tt.age)
			if err != nil {
				t.Fatal(err)
			}
			if swept := h.envoyFilter() == nil; swept != tt.swept || result.RequeueAfter != tt.again {
				t.Errorf("swept %v, again after %s; want %v, %s", swept, result.RequeueAfter, tt.swept, tt.again)
			}
			want := []string(nil)
			if tt.swept {
				want = []string{"Normal Swept"}
			}
			if diff := cmp.Diff(want, h.announced()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// stageAlone stages an EnvoyFilter without an AutoWasm, changed by edit.
func stageAlone(edit func(*unstructured.Unstructured)) func(*testing.T, *harness) {
	return func(_ *testing.T, h *harness) {
		h.stage(autoWasm(), shaA)
		h.byHand(func(ef *unstructured.Unstructured) {
			ef.SetUID("uid-staged")
			ef.SetCreationTimestamp(metav1.NewTime(testTime))
			if edit != nil {
				edit(ef)
			}
		})
	}
}

// The clock of the API server is not ours: what it says of an EnvoyFilter's age counts for nothing.
func TestSweepCountsByItsOwnClock(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ours is ahead": -time.Hour, "ours is behind": time.Hour} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			stageAlone(func(ef *unstructured.Unstructured) {
				ef.SetCreationTimestamp(metav1.NewTime(testTime.Add(skew)))
			})(t, h)
			s := h.sweeper()
			if result, err := s.sweepAfter(0); err != nil || result.RequeueAfter != DefaultSweepGrace || h.envoyFilter() == nil {
				t.Fatalf("first observed: again after %s, %v", result.RequeueAfter, err)
			}
			if result, err := s.sweepAfter(DefaultSweepGrace); err != nil || result.RequeueAfter != 0 || h.envoyFilter() != nil {
				t.Errorf("after the grace: again after %s, %v, and the EnvoyFilter is there", result.RequeueAfter, err)
			}
		})
	}
}

func TestSweepStartsOverForAnotherEnvoyFilter(t *testing.T) {
	h := newHarness(t)
	stageAlone(nil)(t, h)
	s := h.sweeper()
	if _, err := s.sweepAfter(0); err != nil {
		t.Fatal(err)
	}
	if err := h.client.Delete(t.Context(), h.envoyFilter()); err != nil {
		t.Fatal(err)
	}
	stageAlone(func(ef *unstructured.Unstructured) { ef.SetUID("uid-staged-again") })(t, h)
	if result, err := s.sweepAfter(DefaultSweepGrace); err != nil || result.RequeueAfter != DefaultSweepGrace {
		t.Errorf("again after %s, %v; want a whole grace for the new one", result.RequeueAfter, err)
	}
}

func TestSweeperRemembersOnlyWhatItWaitsFor(t *testing.T) {
	ends := map[string]func(*testing.T, *harness){
		"swept": func(*testing.T, *harness) {},
		"gone": func(t *testing.T, h *harness) {
			if err := h.client.Delete(t.Context(), h.envoyFilter()); err != nil {
				t.Fatal(err)
			}
		},
		"adopted": func(_ *testing.T, h *harness) {
			h.byHand(func(ef *unstructured.Unstructured) {
				ef.SetOwnerReferences([]metav1.OwnerReference{owner(autoWasm())})
			})
		},
		"still to be adopted": func(t *testing.T, h *harness) {
			if err := h.client.Create(t.Context(), autoWasm()); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			stageAlone(nil)(t, h)
			s := h.sweeper()
			if _, err := s.sweepAfter(0); err != nil || len(s.observed) != 1 {
				t.Fatalf("%d remembered, %v; want the one that is waited for", len(s.observed), err)
			}
			end(t, h)
			if _, err := s.sweepAfter(time.Minute); err != nil || len(s.observed) != 0 {
				t.Errorf("%d remembered, %v; want none", len(s.observed), err)
			}
		})
	}
}

// A create whose name is taken is refused after admission has staged an EnvoyFilter in the name of the AutoWasm that
// was there before.
func TestARefusedCreateLeavesNothingInForce(t *testing.T) {
	h := newHarness(t, autoWasm(image(imageV2, "")))
	h.sources.failures[imageV2] = failure.Transientf(v1alpha1.ReasonUnavailable, "503")
	h.mustReconcile()
	stageAlone(nil)(t, h) // of imageV1
	h.start()
	h.mustReconcile()
	status := h.autoWasm().Status
	if status.Message != "503" || status.EnvoyFilter != nil {
		t.Errorf("message = %q, EnvoyFilter = %+v; the refused create's is none of this AutoWasm's", status.Message, status.EnvoyFilter)
	}
	if _, err := h.sweep(DefaultSweepGrace); err != nil || h.envoyFilter() != nil {
		t.Errorf("err = %v; the EnvoyFilter of the refused create is in force", err)
	}
	delete(h.sources.failures, imageV2)
	h.mustReconcile()
	h.expectConverged()
}

// What was staged for an earlier spec is orphaned once the spec has changed; but a reconciler that takes over in the
// meantime finds it and goes on from it.
func TestTheReconcilerTakesOverWhatWasStagedForAnother(t *testing.T) {
	h := newHarness(t, autoWasm(image(imageV2, "")))
	stageAlone(nil)(t, h)
	h.mustReconcile()
	h.expectConverged()
	if h.envoyFilter().GetUID() != "uid-staged" || h.autoWasm().Status.Module.SHA256 != shaB {
		t.Errorf("fetched again, or of the refused create's module: %s", h.autoWasm().Status.Module.SHA256)
	}
}

// orphan puts an EnvoyFilter in force that has no owner any more, as kubectl delete --cascade=orphan leaves it.
func orphan(ef *unstructured.Unstructured) {
	ef.SetUID("uid-orphan")
	unstructured.RemoveNestedField(ef.Object, "spec", "workloadSelector", "labels", v1alpha1.LabelStaged)
}

// No module is kept for what an AutoWasm left behind, and a proxy that starts would wait for it in vain.
func TestSweepOfAnOrphan(t *testing.T) {
	h := newHarness(t)
	stageAlone(orphan)(t, h)
	if _, err := h.sweep(DefaultSweepGrace); err != nil || h.envoyFilter() != nil {
		t.Errorf("err = %v; the EnvoyFilter is in force", err)
	}
	if event := <-h.events.Events; !strings.Contains(event, "its AutoWasm was deleted and left it behind") {
		t.Errorf("the Event is %q", event)
	}
}

// An AutoWasm that is created again within the grace takes its EnvoyFilter over: it is in force all the time.
func TestTheReconcilerTakesOverAnOrphan(t *testing.T) {
	h := newHarness(t)
	stageAlone(orphan)(t, h)
	if err := h.client.Create(t.Context(), autoWasm()); err != nil {
		t.Fatal(err)
	}
	h.forgetWrites()
	h.mustReconcile()
	h.expectConverged()
	if writes := h.forgetWrites(); h.envoyFilter().GetUID() != "uid-orphan" || slices.Contains(writes, "delete EnvoyFilter") {
		t.Errorf("%s after %v; want the one that was left behind", h.envoyFilter().GetUID(), writes)
	}
}

func TestSweepOfNothing(t *testing.T) {
	h := newHarness(t)
	if result, err := h.sweep(time.Minute); err != nil || result.RequeueAfter != 0 || len(h.writes) != 0 {
		t.Errorf("result = %+v, err = %v, writes = %v", result, err, h.writes)
	}
}

func TestSweepReadsTheAutoWasmFromTheAPIServer(t *testing.T) {
	h := newHarness(t)
	stageAlone(nil)(t, h)
	s := h.sweeper()
	s.live = unreachable{}
	if _, err := s.sweepAfter(0); err != nil {
		t.Fatal(err)
	}
	_, err := s.sweepAfter(time.Hour)
	if err == nil || h.envoyFilter() == nil {
		t.Errorf("err = %v; an API server that does not answer is no proof that the AutoWasm is gone", err)
	}
	s.live = h.client
	if _, err := s.sweepAfter(time.Hour); err != nil || h.envoyFilter() != nil {
		t.Errorf("err = %v; the wait began again because of a failure", err)
	}
}

// unreachable is an API server that does not answer.
type unreachable struct{ client.Reader }

func (unreachable) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errInjected
}

func TestSweepSparesWhatWasAdoptedMeanwhile(t *testing.T) {
	h := newHarness(t)
	stageAlone(nil)(t, h)
	judged := h.envoyFilter()
	h.byHand(func(ef *unstructured.Unstructured) {
		ef.SetOwnerReferences([]metav1.OwnerReference{owner(autoWasm())})
	})
	s := &sweeper{client: h.client, events: h.events}
	if err := s.remove(t.Context(), judged, "a test"); err != nil {
		t.Fatal(err)
	}
	if h.envoyFilter() == nil {
		t.Error("the adopted EnvoyFilter was deleted")
	}
	if got := h.announced(); got != nil {
		t.Errorf("events = %v, want none", got)
	}
}
