// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

func TestAnIdleReconcileDoesNotCallTheAPIServer(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.mustReconcile()
	h.lives = 0
	h.mustReconcile()
	if h.lives != 0 {
		t.Errorf("%d live reads, want none", h.lives)
	}
}

// An apply that does not say which object it is for would take over one that was made in its place.
func TestAnApplyIsForTheObjectThatWasRead(t *testing.T) {
	h := newHarness(t, autoWasm())
	stageAlone(nil)(t, h) // has a UID
	h.sources.store[shaA] = info(shaA)
	h.mustReconcile()
	h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.ApplyPorts = []v1alpha1.Port{9081} })
	h.mustReconcile()
	if len(h.applied) != 1 {
		t.Fatalf("%d applies, want 1", len(h.applied))
	}
	a := h.applied[0]
	if a.GetUID() != "uid-staged" || a.GetResourceVersion() == "" || a.GetManagedFields() != nil {
		t.Errorf("applied metadata = %v", a.Object["metadata"])
	}
}

func TestACacheThatHasNotSeenTheStagedOneYet(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.stage(autoWasm(), shaB) // the tag has moved since: imageV1 is shaA now
	h.sources.store[shaB] = info(shaB)
	h.blind = true
	h.mustReconcile()
	if got := h.autoWasm().Status.Module.SHA256; got != shaB {
		t.Errorf("module = %s, want the staged one", got)
	}
}

func TestAStatusOfAnotherWriterIsNotOverwritten(t *testing.T) {
	h := newHarness(t, autoWasm())
	old := h.autoWasm()
	h.mustReconcile()
	want := h.autoWasm()
	h.announced()
	h.stale = old
	result := h.mustReconcile()
	if result.RequeueAfter == 0 {
		t.Error("not looked at again")
	}
	if diff := cmp.Diff(want, h.autoWasm()); diff != "" {
		t.Errorf("AutoWasm (-before +after):\n%s", diff)
	}
	if got := h.announced(); got != nil {
		t.Errorf("events = %v, want none for what is not written", got)
	}
}

func TestAShutdownIsNoNews(t *testing.T) {
	h := newHarness(t, autoWasm())
	fetcher := newSlowFetcher(t, time.Hour, nil)
	h.options.Fetcher = fetcher
	h.start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.reconciler.Reconcile(ctx, reconcile.Request{NamespacedName: testKey})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that the reconcile was cut off", err)
	}
	if diff := cmp.Diff([]string(nil), h.forgetWrites()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	fetcher.Stop()
}

func TestAnEnvoyFilterThatIsBeingDeletedIsWaitedFor(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.mustReconcile()
	h.byHand(func(ef *unstructured.Unstructured) { ef.SetFinalizers([]string{"example.com/wait"}) })
	if err := h.client.Delete(t.Context(), h.envoyFilter()); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	h.expect(v1alpha1.PhasePending, "Unknown", "EnvoyFilterUnavailable")

	h.byHand(func(ef *unstructured.Unstructured) { ef.SetFinalizers(nil) })
	h.start()
	h.mustReconcile()
	h.expectConverged()
}

func TestTheAPIServerRefuses(t *testing.T) {
	resource := schema.GroupResource{Group: "networking.istio.io", Resource: "envoyfilters"}
	terminating := apierrors.NewForbidden(resource, "test", errors.New("namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	tests := map[string]struct {
		err   error
		phase v1alpha1.Phase // "" for no status at all
	}{
		"a policy":                {apierrors.NewForbidden(resource, "test", errors.New("denied by policy")), v1alpha1.PhaseFailed},
		"for now":                 {errInjected, v1alpha1.PhasePending},
		"the namespace is ending": {terminating, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm())
			h.reconciler.converge.client = refusing{h.client, tt.err}
			result := h.mustReconcile()
			status := h.autoWasm().Status
			if status.Phase != tt.phase {
				t.Errorf("phase = %q (%s), want %q", status.Phase, status.Message, tt.phase)
			}
			if again := result.RequeueAfter > 0; again != (tt.phase != "") {
				t.Errorf("again after %s", result.RequeueAfter)
			}
			if tt.phase != "" {
				checkContract(t, status)
			}
		})
	}
}

// refusing is an API server that takes no EnvoyFilter.
type refusing struct {
	client.Client
	err error
}

func (r refusing) Create(context.Context, client.Object, ...client.CreateOption) error { return r.err }

func TestUnreadableClusterIsAnError(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.reconciler.live = unreachable{}
	h.blind = true
	if _, err := h.reconcile(); !errors.Is(err, errInjected) {
		t.Errorf("err = %v, want the injected one", err)
	}
	h.reconciler.cache = unreachable{}
	if _, err := h.reconcile(); !errors.Is(err, errInjected) {
		t.Errorf("err = %v, want the injected one", err)
	}
}
