package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

func writtenEnvoyFilter() *unstructured.Unstructured {
	ef := istio.NewEnvoyFilter()
	ef.SetUID("ef-1")
	ef.SetGeneration(7)
	ef.SetAnnotations(map[string]string{v1alpha1.AnnotationPlugin: plugin1.String()})
	return ef
}

func TestTargetOf(t *testing.T) {
	id := targetID{key: testKey, uid: "uid-1", generation: 1, envoyFilter: targetFilter{"ef-1", 7}, plugin: plugin1}
	details := map[string]string{"app": "details"}
	tests := map[string]struct {
		edit func(*v1alpha1.AutoWasm)
		root string
		want proxyTarget
	}{
		"sidecars": {func(*v1alpha1.AutoWasm) {}, "istio-system", proxyTarget{targetID: id, namespace: "shop", selector: details, module: shaA}},
		"outbound": {
			func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Context = v1alpha1.Outbound }, "istio-system",
			proxyTarget{targetID: id, namespace: "shop", selector: details, module: shaA},
		},
		"gateways": {
			func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Context = v1alpha1.Gateway }, "",
			proxyTarget{targetID: id, namespace: "shop", selector: details, gateway: true, module: shaA},
		},
		"the whole mesh": {func(*v1alpha1.AutoWasm) {}, "shop", proxyTarget{targetID: id, selector: details, module: shaA}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := targetOf(autoWasm(tt.edit), writtenEnvoyFilter(), shaA, tt.root)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(proxyTarget{}, targetID{}, targetFilter{})); diff != "" {
				t.Errorf("target (-want +got):\n%s", diff)
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
		"nobody says":   {nil, time.Time{}},
		"without times": {[]metav1.ManagedFieldsEntry{{Manager: render.FieldManager}}, time.Time{}},
		"the last of ours": {
			[]metav1.ManagedFieldsEntry{entry(render.FieldManager, time.Second), entry(render.FieldManager, time.Minute), entry(render.FieldManager, 0), entry("istiod", time.Hour)},
			testTime.Add(time.Minute),
		},
	}
	for name, tt := range tests {
		ef := writtenEnvoyFilter()
		ef.SetManagedFields(tt.entries)
		if got := writtenAt(ef); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestHeardBefore: what a status said of all proxies confirms those that had started by then.
func TestHeardBefore(t *testing.T) {
	for name, tt := range map[string]struct {
		proxies *v1alpha1.ProxiesStatus
		loaded  metav1.ConditionStatus
		ran     time.Time
	}{
		"all":        {&v1alpha1.ProxiesStatus{Selected: 2, Running: 2}, metav1.ConditionTrue, testTime},
		"not all":    {&v1alpha1.ProxiesStatus{Selected: 2, Running: 1}, metav1.ConditionTrue, time.Time{}},
		"none":       {nil, metav1.ConditionUnknown, time.Time{}},
		"not loaded": {&v1alpha1.ProxiesStatus{Selected: 2, Running: 2}, metav1.ConditionUnknown, time.Time{}},
	} {
		aw := autoWasm(func(aw *v1alpha1.AutoWasm) {
			aw.Status.Proxies = tt.proxies
			aw.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionProxiesLoaded, Status: tt.loaded, LastTransitionTime: metav1.NewTime(testTime)}}
		})
		ran := proxyTarget{}.heardBefore(aw, writtenEnvoyFilter()).ran
		if !ran.Equal(tt.ran) {
			t.Errorf("%s: %s, want %s", name, ran, tt.ran)
		}
		w := newProxyWatch(proxyTarget{ran: ran}, testTime.Add(time.Hour))
		before, since := proxyStart{at: testTime.Add(-time.Second)}, proxyStart{at: testTime}
		if w.confirmed(before) == ran.IsZero() || w.confirmed(since) {
			t.Errorf("%s: confirmed: %t, and %t of one that started since", name, w.confirmed(before), w.confirmed(since))
		}
	}
}

func TestSinceWhen(t *testing.T) {
	for name, tt := range map[string]struct{ since, want time.Time }{
		"not known": {time.Time{}, testTime},
		"before":    {testTime.Add(-time.Hour), testTime.Add(-time.Hour)},
		"later":     {testTime.Add(time.Hour), testTime},
	} {
		if got := newProxyWatch(proxyTarget{since: tt.since}, testTime).since; !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestOlder(t *testing.T) {
	now := testTime.Add(time.Hour)
	w := &proxyWatch{since: now.Add(-10 * time.Second)}
	tests := []struct {
		than, running time.Duration
		want          bool
	}{
		{10 * time.Second, time.Hour, true},
		{10*time.Second + 1, time.Hour, false},
		{10 * time.Second, 10 * time.Second, true},
		{10 * time.Second, 10*time.Second - 1, false},
		{0, -time.Hour, false}, // by the clock of its node
	}
	for _, tt := range tests {
		if got := w.older(tt.than, now.Add(-tt.running), now); got != tt.want {
			t.Errorf("a proxy of %s, than %s: %v", tt.running, tt.than, got)
		}
	}
}

func TestConfirm(t *testing.T) {
	a, b := proxyStart{uid: "a"}, proxyStart{uid: "b"}
	again := proxyStart{uid: "a", restarts: 1}
	w := &proxyWatch{}
	for i, step := range []struct {
		running   []proxyStart
		all       bool
		confirmed []proxyStart
	}{
		{nil, true, nil},
		{[]proxyStart{a}, false, nil},
		{[]proxyStart{a}, true, []proxyStart{a}},
		{[]proxyStart{a, b}, false, []proxyStart{a}},
		{[]proxyStart{b, a}, true, []proxyStart{a, b}},
		{[]proxyStart{b}, true, []proxyStart{b}},         // a does not run it any more
		{[]proxyStart{a, b}, false, []proxyStart{b}},     // and begins anew
		{[]proxyStart{again, b}, false, []proxyStart{b}}, // as does one that starts anew
		{[]proxyStart{again, b}, true, []proxyStart{again, b}},
		{nil, true, nil},
	} {
		if got := w.confirm(step.running); got != step.all {
			t.Errorf("step %d: all confirmed: %v", i, got)
		}
		var confirmed []proxyStart
		for _, start := range []proxyStart{a, again, b} {
			if w.confirmed(start) {
				confirmed = append(confirmed, start)
			}
		}
		if diff := cmp.Diff(step.confirmed, confirmed, cmp.AllowUnexported(proxyStart{})); diff != "" || len(w.looks) != len(step.running) {
			t.Errorf("step %d: %d remembered, confirmed (-want +got):\n%s", i, len(w.looks), diff)
		}
	}
}
