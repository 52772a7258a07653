package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/preflight"
)

// passed is a condition as the findings make it.
func passed(status metav1.ConditionStatus, reason v1alpha1.Reason, message string) metav1.Condition {
	return metav1.Condition{
		Type: v1alpha1.ConditionPreflightPassed, Status: status, Reason: string(reason), Message: message,
		ObservedGeneration: 1, LastTransitionTime: metav1.NewTime(testTime),
	}
}

const (
	nothing    = "nothing in the cluster is known to keep the filter from running"
	noPod      = "app=details matches no pod of namespace shop: correct spec.selector, or deploy what it is to match"
	noPort     = "port 9080 is not a target port of a Service for the selected pods, there is none: add a Service"
	noProxy    = "no pod that app=details matches has a proxy of Istio: enable injection in namespace shop, then restart them"
	everything = noProxy + "; " + noPort
)

// inCluster has the harness look at Pods and Services of its API server.
func (h *harness) inCluster() *preflight.Loader {
	kinds := preflight.Kinds{
		preflight.Pods:           preflight.Pods.WithVersion("v1"),
		preflight.Services:       preflight.Services.WithVersion("v1"),
		preflight.ServiceEntries: preflight.ServiceEntries.WithVersion("v1"),
	}
	h.options.Preflight = &preflight.Loader{Reader: h.client, Kinds: kinds, Options: preflight.Options{
		RootNamespace: "istio-system", Host: "wasmer.istio-system.svc.cluster.local", Port: 8081,
	}}
	h.start()
	return h.options.Preflight
}

func detailsPod() *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details-1", Labels: map[string]string{"app": "details"}}}
}

func preflightOf(aw *v1alpha1.AutoWasm) *metav1.Condition {
	return meta.FindStatusCondition(aw.Status.Conditions, v1alpha1.ConditionPreflightPassed)
}

func TestFindingsStandInTheStatus(t *testing.T) {
	h := newHarness(t, autoWasm())
	delete(h.inCluster().Kinds, preflight.ServiceEntries) // the fake has no such kind
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
	pod := detailsPod()
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
		want []metav1.Condition
	}{
		"never looked":              {nil, nil, nil},
		"looked for the first time": {nil, &now, []metav1.Condition{now}},
		"found":                     {[]metav1.Condition{before}, &now, []metav1.Condition{now}},
		"cannot look":               {[]metav1.Condition{before}, nil, []metav1.Condition{before}},
	} {
		if diff := cmp.Diff(tt.want, preflightPassed(tt.prev, tt.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAllFindingsAreTold(t *testing.T) {
	loader := &preflight.Loader{Reader: podReader{pods: []corev1.Pod{*detailsPod()}}, Kinds: preflight.Kinds{
		preflight.Pods: preflight.Pods.WithVersion("v1"), preflight.Services: preflight.Services.WithVersion("v1"),
		preflight.ServiceEntries: preflight.ServiceEntries.WithVersion("v1"),
	}}
	got := preflights{loader}.condition(t.Context(), autoWasm())
	want := &metav1.Condition{Type: v1alpha1.ConditionPreflightPassed, Status: metav1.ConditionFalse, Reason: string(v1alpha1.ReasonNoProxySelected), Message: everything}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := (preflights{&preflight.Loader{Reader: podReader{err: errors.New("no cache")}, Kinds: loader.Kinds}}).condition(t.Context(), autoWasm()); got != nil {
		t.Errorf("without a cache: %+v", got)
	}
	if got := (preflights{}).condition(t.Context(), autoWasm()); got != nil {
		t.Errorf("without a loader: %+v", got)
	}
}

// podReader is a cache of Pods, and of nothing else; or of AutoWasms.
type podReader struct {
	client.Reader
	pods  []corev1.Pod
	items []v1alpha1.AutoWasm
	err   error
}

func (r podReader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *corev1.PodList:
		list.Items = r.pods
	case *v1alpha1.AutoWasmList:
		list.Items = r.items
	}
	return r.err
}

// inForceWith has a status of its generation, with what was found.
func inForceWith(namespace, name string, found ...metav1.Condition) v1alpha1.AutoWasm {
	aw := *autoWasm()
	aw.Namespace, aw.Name = namespace, name
	aw.Spec.Filter.ApplyPorts = nil
	applied := metav1.Condition{Type: v1alpha1.ConditionEnvoyFilterApplied, Status: metav1.ConditionTrue, ObservedGeneration: 1}
	aw.Status.Conditions = append([]metav1.Condition{applied}, found...)
	return aw
}

func watching(items ...v1alpha1.AutoWasm) (*preflightWatch, *[]string) {
	loader := &preflight.Loader{
		Reader: podReader{}, Kinds: preflight.Kinds{preflight.Pods: preflight.Pods.WithVersion("v1")},
		Options: preflight.Options{RootNamespace: "istio-system", Host: "wasmer.wasm.svc.cluster.local"},
	}
	woken := &[]string{}
	return newPreflightWatch(loader, podReader{items: items}, func(key types.NamespacedName) { *woken = append(*woken, key.String()) }), woken
}

func TestWatchWakesWhatIsOutdated(t *testing.T) {
	finding := func(namespace string) metav1.Condition {
		return passed(metav1.ConditionFalse, v1alpha1.ReasonNoPodSelected, "app=details matches no pod of namespace "+namespace+": correct spec.selector, or deploy what it is to match")
	}
	failing := inForceWith("shop", "failing")
	failing.Status.Conditions[0].Status = metav1.ConditionUnknown
	changed := inForceWith("shop", "changed")
	changed.Generation = 2
	out := inForceWith("mall", "out")
	out.Spec.Filter.Context = v1alpha1.Outbound
	items := []v1alpha1.AutoWasm{
		inForceWith("shop", "never-looked"), inForceWith("shop", "outdated", passed(metav1.ConditionTrue, "NothingFound", nothing)),
		inForceWith("shop", "told", finding("shop")), failing, changed, inForceWith("bank", "elsewhere"), out,
	}
	pod := func(namespace string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"}}
	}
	inShop := []string{"shop/never-looked", "shop/outdated"}
	all := []string{"shop/never-looked", "shop/outdated", "bank/elsewhere", "mall/out"}
	for name, tt := range map[string]struct {
		note func(w *preflightWatch)
		want []string
	}{
		"nothing":     {func(*preflightWatch) {}, []string{}},
		"a pod":       {func(w *preflightWatch) { w.handler(false).OnAdd(pod("shop"), false) }, inShop},
		"a pod's end": {func(w *preflightWatch) { w.handler(false).OnDelete(pod("shop")) }, inShop},
		"a pod's end that was missed": {func(w *preflightWatch) {
			w.handler(false).OnDelete(cache.DeletedFinalStateUnknown{Key: "shop/p", Obj: pod("shop")})
		}, inShop},
		"a service": {func(w *preflightWatch) { w.handler(true).OnAdd(pod("bank"), false) }, []string{"bank/elsewhere", "mall/out"}},
		"the root":  {func(w *preflightWatch) { w.handler(false).OnAdd(pod("istio-system"), false) }, all},
		"wasmer":    {func(w *preflightWatch) { w.handler(false).OnAdd(pod("wasm"), false) }, all},
		"something": {func(w *preflightWatch) { w.handler(false).OnAdd("no object", false) }, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			w, woken := watching(items...)
			tt.note(w)
			w.check(t.Context())
			if diff := cmp.Diff(tt.want, *woken); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			*woken = []string{}
			w.check(t.Context())
			if len(*woken) > 0 {
				t.Errorf("woken again without a change: %v", *woken)
			}
		})
	}
}

// TestWatchIgnoresWhatPodsDoAllTheTime: readiness and the like are no news.
func TestWatchIgnoresWhatPodsDoAllTheTime(t *testing.T) {
	old := detailsPod()
	for name, tt := range map[string]struct {
		edit func(*corev1.Pod)
		want bool
	}{
		"ready":    {func(p *corev1.Pod) { p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady}} }, false},
		"running":  {func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }, false},
		"finished": {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, true},
		"failed":   {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		"leaving":  {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, true},
		"labelled": {func(p *corev1.Pod) { p.Labels["app"] = "x" }, true},
	} {
		pod := old.DeepCopy()
		tt.edit(pod)
		w, _ := watching()
		w.handler(false).OnUpdate(old, pod)
		if got := !w.take().none(); got != tt.want {
			t.Errorf("%s: noted %t, want %t", name, got, tt.want)
		}
	}
	w, _ := watching()
	w.handler(true).OnUpdate(&corev1.Service{}, &corev1.Service{})
	if w.take().none() {
		t.Error("a Service's change is not noted")
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	w, _ := watching()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Start(ctx); err != nil {
		t.Error(err)
	}
}
