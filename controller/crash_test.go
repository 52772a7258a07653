// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// scenarios are the ways of one AutoWasm to Synced, each with the number of writes that it takes.
var scenarios = map[string]struct {
	prepare func(*harness)
	writes  []string
}{
	"created": {
		func(*harness) {},
		[]string{"create EnvoyFilter", "status AutoWasm"},
	},
	"adopted": {
		func(h *harness) { h.stage(h.autoWasm(), shaA) },
		[]string{"update EnvoyFilter", "status AutoWasm"},
	},
	"updated": {
		func(h *harness) {
			h.mustReconcile()
			h.edit(image(imageV2, v1alpha1.PullIfNotPresent))
		},
		[]string{"patch EnvoyFilter", "apply EnvoyFilter", "status AutoWasm"},
	},
	"restored": {
		func(h *harness) {
			h.mustReconcile()
			h.byHand(func(ef *unstructured.Unstructured) {
				_ = unstructured.SetNestedField(ef.Object, "v9", "spec", "workloadSelector", "labels", "version")
			})
		},
		[]string{"patch EnvoyFilter", "apply EnvoyFilter", "update EnvoyFilter"},
	},
}

func TestEveryWriteMayFail(t *testing.T) {
	for name, s := range scenarios {
		for i := range s.writes {
			t.Run(fmt.Sprintf("%s, write %d (%s)", name, i+1, s.writes[i]), func(t *testing.T) {
				h := newHarness(t, autoWasm())
				s.prepare(h)
				h.forgetWrites()
				h.failing = i + 1
				_, err := h.reconcile()
				if diff := cmp.Diff(s.writes[:i+1], withoutReport(h.writes, err == nil)); diff != "" {
					t.Fatalf("writes up to the failure (-want +got):\n%s", diff)
				}
				h.failing = 0
				h.start() // the server has crashed: what it remembered is gone
				h.mustReconcile()
				h.expectConverged()
			})
		}
	}
}

// withoutReport drops the status that reports the failure of another write.
func withoutReport(writes []string, reported bool) []string {
	if last := len(writes) - 1; reported && last > 0 && writes[last] == "status AutoWasm" {
		return writes[:last]
	}
	return writes
}

// expectConverged fails the test unless the cluster is as it should be and stays so.
func (h *harness) expectConverged() {
	h.t.Helper()
	h.expect(v1alpha1.PhaseSynced, "True", "Synced")
	aw, ef := h.autoWasm(), h.envoyFilter()
	wanted, err := wantedEnvoyFilter(aw, aw.Status.Module, 0, testRender)
	if err != nil {
		h.t.Fatal(err)
	}
	if !metav1.IsControlledBy(ef, aw) || !settled(ef, wanted, aw) {
		h.t.Errorf("not converged (-want +got):\n%s", cmp.Diff(wanted.Object, ef.Object))
	}
	h.forgetWrites()
	h.mustReconcile()
	if diff := cmp.Diff([]string(nil), h.forgetWrites()); diff != "" {
		h.t.Errorf("not settled (-want +got):\n%s", diff)
	}
}
