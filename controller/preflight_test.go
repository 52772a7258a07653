// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/render"
)

// passed is a condition as the findings make it.
func passed(status metav1.ConditionStatus, reason v1alpha1.Reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: v1alpha1.ConditionPreflightPassed, Status: status, Reason: string(reason), Message: message,
		ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(testTime),
	}
}

const (
	nothing = "nothing in the cluster is known to keep the filter from running"
	noPod   = "app=details matches no pod of namespace shop: correct spec.selector, or deploy what it is to match"
)

// checkPods has the harness check the Pods and Services of its API server.
func (h *harness) checkPods() {
	kinds := preflight.NewKinds(preflight.Pods.WithVersion("v1"), preflight.Services.WithVersion("v1"))
	h.options.Preflight = preflight.NewReconciler(h.client, &preflight.Loader{Reader: h.client, Kinds: kinds, Options: preflight.Options{
		RootNamespace: "istio-system", Host: "wasmer.istio-system.svc.cluster.local", Port: 8081,
	}})
	h.start()
}

func preflightOf(aw *v1alpha1.AutoWasm) *metav1.Condition {
	return meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionPreflightPassed)
}

func TestFindingsStandInTheStatus(t *testing.T) {
	h := newHarness(t, autoWasm())
	h.checkPods()
	h.mustReconcile()
	aw := h.autoWasm()
	if diff := cmp.Diff(new(passed(metav1.ConditionFalse, v1alpha1.ReasonNoPodSelected, noPod)), preflightOf(aw)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if aw.Status.Phase != v1alpha1.PhaseSynced || meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionReady).Status != metav1.ConditionTrue {
		t.Errorf("a finding counts for more than its condition: %+v", aw.Status)
	}

	h.writes = nil
	h.mustReconcile()
	if len(h.writes) > 0 {
		t.Errorf("the same findings were written again: %v", h.writes)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details-1", Labels: map[string]string{"app": "details"}}}
	pod.Annotations = map[string]string{"sidecar.istio.io/status": "{}"}
	if err := h.client.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	h.mustReconcile()
	if diff := cmp.Diff(new(passed(metav1.ConditionTrue, "NothingFound", nothing)), preflightOf(h.autoWasm())); diff != "" {
		t.Errorf("with a pod (-want +got):\n%s", diff)
	}
}

func TestPreflightPassed(t *testing.T) {
	before, now := passed(metav1.ConditionTrue, "NothingFound", nothing), passed(metav1.ConditionFalse, "R", "m")
	for name, tt := range map[string]struct {
		prev []metav1.Condition
		now  *metav1.Condition
		want *metav1.Condition
	}{
		"never checked":              {nil, nil, nil},
		"checked for the first time": {nil, &now, &now},
		"found":                      {[]metav1.Condition{before}, &now, &now},
		"cannot check":               {[]metav1.Condition{before}, nil, &before},
	} {
		if diff := cmp.Diff(tt.want, preflightPassed(tt.prev, tt.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// refusal is a preflight that refuses for a reason, "" for none.
type refusal struct{ why string }

func (r *refusal) Refusal(context.Context, *v1alpha1.AutoWasm) string { return r.why }
func (r *refusal) Condition(context.Context, *v1alpha1.AutoWasm) *metav1.Condition {
	return nil
}
func (r *refusal) OnChange(func(types.NamespacedName)) {}

// TestARefusedFilter comes into force neither from what was staged nor without, until it is not refused any more. One that
// is in force is changed, but for no other proxies.
func TestARefusedFilter(t *testing.T) {
	for name, staged := range map[string]bool{"staged": true, "not staged": false} {
		t.Run(name, func(t *testing.T) {
			h, r := newHarness(t, autoWasm()), &refusal{"proxies may die"}
			h.options.Preflight = r
			h.start()
			if staged {
				h.stage(autoWasm(), shaA)
			}
			h.mustReconcile()
			h.expect(v1alpha1.PhaseFailed, "False", "UntestedProxies")
			if diff := cmp.Diff([]string{"Warning UntestedProxies"}, h.announced()); diff != "" {
				t.Errorf("Events (-want +got):\n%s", diff)
			}
			h.requireOutOfForce(staged)

			r.why = ""
			h.mustReconcile()
			h.expect(v1alpha1.PhaseSynced, "True", "Synced")

			r.why = "proxies may die"
			h.edit(image(imageV2, v1alpha1.PullIfNotPresent), generation(2))
			h.mustReconcile()
			h.expect(v1alpha1.PhaseSynced, "True", "Synced")
			h.edit(func(aw *v1alpha1.AutoWasm) { aw.Spec.Selector.MatchLabels = nil }, generation(3))
			h.mustReconcile()
			h.expect(v1alpha1.PhaseFailed, "False", "UntestedProxies")
			if got := h.autoWasm().Status.Message; got != "proxies may die; the EnvoyFilter of generation 2 stays in force" {
				t.Errorf("the status says %q", got)
			}
		})
	}
}

// requireOutOfForce requires that no EnvoyFilter is there but a staged one.
func (h *harness) requireOutOfForce(staged bool) {
	h.t.Helper()
	ef := istio.NewEnvoyFilter()
	err := h.client.Get(h.t.Context(), testKey, ef)
	if staged && (err != nil || !render.IsStaged(ef)) || !staged && !apierrors.IsNotFound(err) {
		h.t.Errorf("the EnvoyFilter is in force: %v, %v", err, ef.Object)
	}
}
