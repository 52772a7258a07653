package controller

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/render"
)

// sweep runs the sweeper at a time after the EnvoyFilter was made.
func (h *harness) sweep(age time.Duration) (reconcile.Result, error) {
	s := &sweeper{
		client: h.client,
		cache:  cached{h},
		live:   h.client,
		grace:  DefaultSweepGrace,
		events: h.events,
		now:    func() time.Time { return testTime.Add(age) },
	}
	return s.Reconcile(h.t.Context(), reconcile.Request{NamespacedName: testKey})
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
		{"somebody's child", stageAlone(func(ef *unstructured.Unstructured) {
			ef.SetOwnerReferences([]metav1.OwnerReference{owner(autoWasm())})
		}), time.Minute, false, 0},
		{"a copy under another name", stageAlone(func(ef *unstructured.Unstructured) {
			annotations := ef.GetAnnotations()
			annotations[render.AnnotationOwner] = "shop/original"
			ef.SetAnnotations(annotations)
		}), time.Minute, false, 0},
		{"without our label", stageAlone(func(ef *unstructured.Unstructured) { ef.SetLabels(nil) }), time.Minute, false, 0},
		{"foreign", func(_ *testing.T, h *harness) { h.foreign() }, time.Minute, false, 0},
		{"its AutoWasm exists", func(t *testing.T, h *harness) {
			stageAlone(nil)(t, h)
			if err := h.client.Create(t.Context(), autoWasm()); err != nil {
				t.Fatal(err)
			}
			h.forgetWrites()
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

func TestSweepOfNothing(t *testing.T) {
	h := newHarness(t)
	if result, err := h.sweep(time.Minute); err != nil || result.RequeueAfter != 0 || len(h.writes) != 0 {
		t.Errorf("result = %+v, err = %v, writes = %v", result, err, h.writes)
	}
}

func TestSweepLooksForTheAutoWasmAtTheAPIServer(t *testing.T) {
	h := newHarness(t)
	stageAlone(nil)(t, h)
	s := &sweeper{client: h.client, cache: cached{h}, live: unreachable{}, grace: DefaultSweepGrace, events: h.events, now: func() time.Time { return testTime.Add(time.Hour) }}
	_, err := s.Reconcile(t.Context(), reconcile.Request{NamespacedName: testKey})
	if err == nil || h.envoyFilter() == nil {
		t.Errorf("err = %v; an API server that does not answer is no proof that the AutoWasm is gone", err)
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
	if err := s.remove(t.Context(), judged); err != nil {
		t.Fatal(err)
	}
	if h.envoyFilter() == nil {
		t.Error("the adopted EnvoyFilter was deleted")
	}
	if got := h.announced(); got != nil {
		t.Errorf("events = %v, want none", got)
	}
}
