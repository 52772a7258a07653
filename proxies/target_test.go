// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/render"
)

func TestTargetOf(t *testing.T) {
	id := targetID{key: testKey, uid: "uid-1", generation: 1, envoyFilterUID: "ef-1", envoyFilterGeneration: 7, plugin: shown(plugin1)}
	inContext := func(c v1alpha1.Context) func(*applied) {
		return func(a *applied) { a.aw.Spec.Filter.Context = c }
	}
	reloaded := func(a *applied) { annotate(a.ef, v1alpha1.AnnotationReload, "3") }
	tests := map[string]struct {
		edit func(*applied)
		root string
		want target
	}{
		"sidecars":       {func(*applied) {}, "istio-system", target{selection: selecting()}},
		"outbound":       {inContext(v1alpha1.Outbound), "istio-system", target{selection: selecting()}},
		"gateways":       {inContext(v1alpha1.Gateway), "", target{selection: selecting(ofGateways)}},
		"the whole mesh": {func(*applied) {}, "shop", target{selection: selecting(ofTheMesh)}},
		"loaded again":   {reloaded, "", target{selection: selecting(), reloads: 3}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := inCluster(envoyFilterGeneration(7), tt.edit)
			tt.want.targetID, tt.want.module = id, testModule
			got := targetOf(a.aw, a.ef, tt.root)
			if diff := cmp.Diff(&tt.want, got, cmp.AllowUnexported(target{}, targetID{}, selection{})); diff != "" {
				t.Errorf("target (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInForce: what is not as the AutoWasm asks for says nothing of its proxies.
func TestInForce(t *testing.T) {
	tests := map[string]struct {
		edit func(*applied)
		want bool
	}{
		"as rendered":                     {func(*applied) {}, true},
		"without an EnvoyFilter":          {func(a *applied) { a.ef = nil }, false},
		"an EnvoyFilter of another owner": {func(a *applied) { a.ef.SetOwnerReferences(nil) }, false},
		"an EnvoyFilter that is staged": {func(a *applied) {
			a.ef.SetOwnerReferences(nil)
			a.ef.SetLabels(map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
			annotate(a.ef, v1alpha1.AnnotationOwner, "shop/test")
		}, false},
		"an EnvoyFilter of another writer":     {func(a *applied) { a.ef.SetManagedFields(nil) }, false},
		"an EnvoyFilter that is being deleted": {func(a *applied) { a.ef.SetDeletionTimestamp(&metav1.Time{Time: testTime}) }, false},
		"an EnvoyFilter that has been changed": {func(a *applied) { a.ef.SetGeneration(2) }, false},
		"a generation that is not applied yet": {func(a *applied) { a.aw.Generation = 2 }, false},
		"a failure before the EnvoyFilter":     {notApplied, false},
		"a new status":                         {func(a *applied) { a.aw.Status = v1alpha1.AutoWasmStatus{} }, false},
		"a status without a module":            {func(a *applied) { a.aw.Status.Module = nil }, false},
		"a status without an EnvoyFilter":      {func(a *applied) { a.aw.Status.EnvoyFilter = nil }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := inCluster()
			tt.edit(&a)
			if got := targetOf(a.aw, a.ef, "") != nil; got != tt.want {
				t.Errorf("in force: %t", got)
			}
		})
	}
}

func TestWrittenAt(t *testing.T) {
	entry := func(manager string, after time.Duration) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Time: &metav1.Time{Time: testTime.Add(after)}}
	}
	tests := map[string]struct {
		entries []metav1.ManagedFieldsEntry
		want    time.Time
	}{
		"no entries":    {nil, time.Time{}},
		"without times": {[]metav1.ManagedFieldsEntry{{Manager: render.FieldManager}}, time.Time{}},
		"the last of ours": {
			[]metav1.ManagedFieldsEntry{entry(render.FieldManager, time.Second), entry(render.FieldManager, time.Minute), entry(render.FieldManager, 0), entry("istiod", time.Hour)},
			testTime.Add(time.Minute),
		},
	}
	for name, tt := range tests {
		ef := inCluster().ef
		ef.SetManagedFields(tt.entries)
		if got := writtenAt(ef); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestEvaluatedBefore: what a status says of all proxies confirms those that had started by then, and a target that
// was evaluated counts from when it was written.
func TestEvaluatedBefore(t *testing.T) {
	two := func(running int32) *v1alpha1.ProxiesStatus {
		return &v1alpha1.ProxiesStatus{Selected: 2, Running: running}
	}
	for name, tt := range map[string]struct {
		before    func(*applied)
		evaluated bool
		ran       time.Time
	}{
		"all run":                {loaded(metav1.ConditionTrue, v1alpha1.ReasonRunning, two(2)), true, testTime},
		"not all run":            {loaded(metav1.ConditionTrue, v1alpha1.ReasonRunning, two(1)), true, time.Time{}},
		"none is selected":       {loaded(metav1.ConditionUnknown, v1alpha1.ReasonNoProxySelected, nil), true, time.Time{}},
		"not loaded":             {loaded(metav1.ConditionUnknown, v1alpha1.ReasonProxiesUncertain, two(2)), true, time.Time{}},
		"they load":              {loaded(metav1.ConditionUnknown, v1alpha1.ReasonProxiesLoading, two(1)), true, time.Time{}},
		"not scraped yet":        {loaded(metav1.ConditionUnknown, v1alpha1.ReasonProxiesLoading, nil), false, time.Time{}},
		"never meant to be, yet": {func(*applied) {}, false, time.Time{}},
	} {
		at := testTime.Add(-time.Hour)
		target := inCluster(written(at), tt.before).target(t)
		if target.since.Equal(at) != tt.evaluated || !target.ranSince.Equal(tt.ran) {
			t.Errorf("%s: since %s, ran since %s, want %s", name, target.since, target.ranSince, tt.ran)
		}
		r := newRecord(target, nil, testTime.Add(time.Hour))
		before, since := instance{startedAt: testTime}, instance{startedAt: testTime.Add(time.Second)}
		if r.isConfirmed(before) == tt.ran.IsZero() || r.isConfirmed(since) {
			t.Errorf("%s: confirmed: %t, and %t of one that started since", name, r.isConfirmed(before), r.isConfirmed(since))
		}
	}
}
