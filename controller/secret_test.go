// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

func pullSecret(name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: testKey.Namespace, Name: name}}
}

// A change of the pull secret fetches nothing while the module is pinned, so that nothing fails when the Secret does
// not exist; but the status says so.
func TestAMissingSecretIsReportedWhileTheModuleRuns(t *testing.T) {
	const pinned = "pinned to reg.example/filter@sha256:"
	h := newHarness(t, autoWasm())
	h.mustReconcile()
	before := h.envoyFilter().GetAnnotations()["wasm.tcm.io/module"]
	h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "absent" })
	h.mustReconcile()

	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	h.expectSource(pinned + shaA + "; Secret absent does not exist: the module stays in use, but it cannot be fetched again, nor another, before you create the Secret")
	if got := h.envoyFilter().GetAnnotations()["wasm.tcm.io/module"]; got != before {
		t.Errorf("module = %s, want the one that ran", got)
	}
	h.expectConverged()

	if err := h.client.Create(t.Context(), pullSecret("absent")); err != nil {
		t.Fatal(err)
	}
	h.expectPolled(testKey)
	h.mustReconcile()
	h.expectSource(pinned + shaA)
	h.expectConverged()
	h.expectPolled() // it waits no longer
}

func TestAPullSecretThatCannotBeReadIsNoFailure(t *testing.T) {
	p := newSecretPoller(unreachable{}, nil, time.Now)
	if p.missing(t.Context(), testKey) {
		t.Error("it is missing")
	}
}

// A change of the pull secret is noticed by an AutoWasm that fails for want of it, also one right after the failure, and
// what does not change fetches nothing.
func TestAChangeOfThePullSecretIsNoticed(t *testing.T) {
	failures := map[string]error{
		"no Secret":    failure.Transientf(v1alpha1.ReasonSecretNotFound, "it does not exist (yet)"),
		"unauthorized": failure.Terminalf(v1alpha1.ReasonUnauthorized, "401"),
	}
	for name, err := range failures {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "regcred" }))
			h.sources.failures[imageV1] = err
			h.mustReconcile()
			h.expectPolled(testKey) // it may have come meanwhile
			h.mustReconcile()
			h.expectPolled()

			secret := pullSecret("regcred")
			if err := h.client.Create(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			h.expectPolled(testKey)
			h.mustReconcile()
			h.expectPolled()

			secret.Data = map[string][]byte{"a": []byte("b")}
			if err := h.client.Update(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			h.expectPolled(testKey)
			delete(h.sources.failures, imageV1)
			h.mustReconcile()
			h.expect(v1alpha1.PhaseSynced, "True", "Synced")
			if len(h.reconciler.secrets.secrets) != 0 || len(h.reconciler.secrets.awaits) != 0 {
				t.Errorf("%v are still awaited", h.reconciler.secrets.awaits)
			}
		})
	}
}

// Who goes away, or names another Secret, waits for none.
func TestNobodyWaitsInVain(t *testing.T) {
	h := newHarness(t, autoWasm(func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "regcred" }))
	h.sources.failures[imageV1] = failure.Terminalf(v1alpha1.ReasonUnauthorized, "401")
	h.mustReconcile()
	h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Secret = "another" })
	h.mustReconcile()
	if diff := cmp.Diff(map[types.NamespacedName]types.NamespacedName{testKey: {Namespace: "shop", Name: "another"}}, h.reconciler.secrets.awaits); diff != "" {
		t.Errorf("awaited (-want +got):\n%s", diff)
	}
	if err := h.client.Delete(t.Context(), h.autoWasm()); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	if p := h.reconciler.secrets; len(p.secrets) != 0 || len(p.awaits) != 0 {
		t.Errorf("%v are still awaited", p.awaits)
	}
}

// However many Secrets are awaited, and however often it is asked whether one exists, few are read.
func TestFewSecretsAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		seen := sync.Map{}
		c := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
			Get: func(_ context.Context, _ client.WithWatch, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
				if _, ok := object.(*metav1.PartialObjectMetadata); !ok {
					t.Errorf("a %T is read", object)
				}
				reads.Add(1)
				seen.Store(key.Namespace, true)
				return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, key.Name, nil)
			},
		})
		p := newSecretPoller(c, func(types.NamespacedName) {}, time.Now)
		for i := range 5000 {
			p.await(types.NamespacedName{Namespace: "greedy", Name: fmt.Sprint(i)}, fmt.Sprint(i))
		}
		p.await(testKey, "regcred")
		ctx, cancel := context.WithTimeout(t.Context(), 31*time.Second)
		defer cancel()
		if err := p.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if _, ok := seen.Load(testKey.Namespace); reads.Load() > 2*maxPolledSecrets || !ok {
			t.Errorf("%d reads in half a minute, the one of another namespace among them: %t", reads.Load(), ok)
		}
		reads.Store(0)
		for range 100 {
			if p.missing(t.Context(), testKey) {
				t.Error("one that may not be read is missing")
			}
		}
		if reads.Load() != 1 {
			t.Errorf("%d reads of one Secret", reads.Load())
		}
	})
}

// expectPolled polls the Secrets and compares who is enqueued.
func (h *harness) expectPolled(want ...types.NamespacedName) {
	h.t.Helper()
	h.enqueued = nil
	h.reconciler.secrets.poll(h.t.Context())
	if diff := cmp.Diff(want, h.enqueued); diff != "" {
		h.t.Errorf("enqueued (-want +got):\n%s", diff)
	}
}

// expectSource compares the message of SourceResolved, which must be True.
func (h *harness) expectSource(want string) {
	h.t.Helper()
	c := meta.FindStatusCondition(h.autoWasm().Status.Conditions, v1alpha1.ConditionSourceResolved)
	if c == nil || c.Status != metav1.ConditionTrue || c.Message != want {
		h.t.Errorf("SourceResolved = %+v, want it True with %q", c, want)
	}
}
