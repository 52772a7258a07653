// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// passed is a condition as the findings make it.
func passed(status metav1.ConditionStatus, reason v1alpha1.Reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionPreflightPassed, Status: status, Reason: string(reason), Message: message}
}

const (
	nothing = "nothing in the cluster is known to keep the filter from running"
	noPort  = "port 9080 is not a target port of a Service for the selected pods, there is none: add a Service"
	noProxy = "no pod that app=details matches has a proxy of Istio: enable injection in namespace shop, then restart them"
)

// listed is a cache of Pods and AutoWasms.
type listed struct {
	client.Reader
	mu        sync.Mutex
	pods      []corev1.Pod
	autoWasms []v1alpha1.AutoWasm
	lists     int // of AutoWasms
	err       error
}

func (l *listed) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var o client.ListOptions
	o.ApplyOptions(opts)
	switch list := list.(type) {
	case *corev1.PodList:
		list.Items = l.pods
	case *v1alpha1.AutoWasmList:
		l.lists++
		for _, aw := range l.autoWasms {
			if o.Namespace == "" || o.Namespace == aw.Namespace {
				list.Items = append(list.Items, aw)
			}
		}
	}
	return l.err
}

func (l *listed) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func podsAndServices() *Kinds {
	return NewKinds(Pods.WithVersion("v1"), Services.WithVersion("v1"), ServiceEntries.WithVersion("v1"))
}

func TestCondition(t *testing.T) {
	bare := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details-1", Labels: details}}
	meshed := *bare.DeepCopy()
	meshed.Annotations = map[string]string{"sidecar.istio.io/status": "{}"}
	everywhere := autoWasm("")
	many := autoWasm("")
	for i := range 50 {
		many.Spec.Filter.ApplyPorts = append(many.Spec.Filter.ApplyPorts, v1alpha1.Port(i+1))
	}
	for name, tt := range map[string]struct {
		aw    *v1alpha1.AutoWasm
		cache *listed
		want  *metav1.Condition
	}{
		"nothing is found":    {everywhere, &listed{pods: []corev1.Pod{meshed}}, new(passed(metav1.ConditionTrue, "NothingFound", nothing))},
		"all that is found":   {autoWasm("", 9080), &listed{pods: []corev1.Pod{bare}}, new(passed(metav1.ConditionFalse, v1alpha1.ReasonNoProxySelected, noProxy+"; "+noPort))},
		"a cache that is new": {everywhere, &listed{err: errors.New("not synced")}, nil},
	} {
		r := NewReconciler(tt.cache, &Loader{Reader: tt.cache, Kinds: podsAndServices()})
		if diff := cmp.Diff(tt.want, r.Condition(t.Context(), tt.aw)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	cache := &listed{pods: []corev1.Pod{bare}}
	got := NewReconciler(cache, &Loader{Reader: cache, Kinds: podsAndServices()}).Condition(t.Context(), many)
	if len(got.Message) > v1alpha1.MaxMessageBytes || !strings.HasSuffix(got.Message, "…") {
		t.Errorf("a message of %d bytes", len(got.Message))
	}
}

// TestRefusal: only what is not tested is refused, and only where that was asked for.
func TestRefusal(t *testing.T) {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details-1", Labels: details}}
	pod.Spec.Containers = []corev1.Container{{Name: "app"}, {Name: "istio-proxy", Image: "istio/proxyv2:1.28.3"}}
	cache := &listed{pods: []corev1.Pod{pod}}
	const want = "a first Wasm filter can crash Istio 1.28; exclude it by proxyVersion '^1\\.3[12]\\.': Pods details-1; wasmer runs with --untested-proxies=Refuse"
	for name, tt := range map[string]struct {
		mode Untested
		err  error
		want string
	}{
		"refused":             {RefuseUntested, nil, want},
		"warned of":           {WarnUntested, nil, ""},
		"allowed":             {AllowUntested, nil, ""},
		"a cache that is new": {RefuseUntested, errors.New("not synced"), ""},
	} {
		cache.fail(tt.err)
		r := NewReconciler(cache, &Loader{Reader: cache, Kinds: podsAndServices(), Options: Options{UntestedProxies: tt.mode}})
		if got := r.Refusal(t.Context(), autoWasm("", 9080)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// inForceWith has a status of its generation, with what was found.
func inForceWith(namespace, name string, found ...metav1.Condition) v1alpha1.AutoWasm {
	aw := *autoWasm("")
	aw.Namespace, aw.Name, aw.Generation = namespace, name, 1
	applied := metav1.Condition{Type: v1alpha1.ConditionEnvoyFilterApplied, Status: metav1.ConditionTrue, ObservedGeneration: 1}
	aw.Status.Conditions = append([]metav1.Condition{applied}, found...)
	return aw
}

// watched is a Reconciler that a controller runs.
type watched struct {
	*Reconciler
	*listed
	queue workqueue.TypedRateLimitingInterface[scope]
	names []string
}

// watching runs a test of a Reconciler over AutoWasms in a time of its own.
func watching(t *testing.T, test func(w *watched), items ...v1alpha1.AutoWasm) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &watched{listed: &listed{autoWasms: items}}
		w.Reconciler = NewReconciler(w.listed, &Loader{
			Reader: w.listed, Kinds: NewKinds(Pods.WithVersion("v1")),
			Options: Options{RootNamespace: "istio-system", Host: "wasmer.wasm.svc.cluster.local"},
		})
		w.OnChange(func(key types.NamespacedName) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.names = append(w.names, key.String())
		})
		c, err := controller.NewTypedUnmanaged(Name, controller.TypedOptions[scope]{Reconciler: w.Reconciler, SkipNameValidation: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Watch(source.TypedFunc[scope](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[scope]) error {
			w.queue = queue
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Start(ctx) }()
		synctest.Wait()
		test(w)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// created hands an object of a kind to the Reconciler as an informer does.
func (w *watched) created(kind schema.GroupKind, object client.Object) {
	w.handler(kind).Create(context.Background(), event.CreateEvent{Object: object}, w.queue)
}

// changes returns whom OnChange named since the last call, sorted, after some time.
func (w *watched) changes(after time.Duration) []string {
	time.Sleep(after)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	names := w.names
	w.names = nil
	slices.Sort(names)
	return slices.Compact(names)
}

func podIn(namespace string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p"}}
}

// TestChangesConcern: a change has those checked that it may concern, and named those whose status is outdated.
func TestChangesConcern(t *testing.T) {
	finding := func(namespace string) metav1.Condition {
		return passed(metav1.ConditionFalse, v1alpha1.ReasonNoPodSelected, "app=details matches no pod of namespace "+namespace+": correct spec.selector, or deploy what it is to match")
	}
	failing := inForceWith("shop", "failing")
	failing.Status.Conditions[0].Status = metav1.ConditionUnknown
	refused := inForceWith("shop", "refused")
	refused.Status.Conditions[0].Status, refused.Status.Conditions[0].Reason = metav1.ConditionFalse, string(v1alpha1.ReasonUntestedProxies)
	changed := inForceWith("shop", "changed")
	changed.Generation = 2
	fresh := inForceWith("shop", "fresh")
	fresh.Status.Conditions = nil
	out := inForceWith("mall", "out")
	out.Spec.Filter.Context = v1alpha1.Outbound
	items := []v1alpha1.AutoWasm{
		inForceWith("shop", "never-checked"), inForceWith("shop", "outdated", passed(metav1.ConditionTrue, "NothingFound", nothing)),
		inForceWith("shop", "current", finding("shop")), failing, refused, changed, fresh, inForceWith("bank", "elsewhere"), out,
	}
	inShop := []string{"shop/never-checked", "shop/outdated", "shop/refused"}
	all := []string{"bank/elsewhere", "mall/out", "shop/never-checked", "shop/outdated", "shop/refused"}
	for name, tt := range map[string]struct {
		event func(w *watched)
		want  []string
	}{
		"nothing": {func(*watched) {}, nil},
		"a pod":   {func(w *watched) { w.created(Pods, podIn("shop")) }, inShop},
		"a pod's change": {func(w *watched) {
			w.handler(Pods).Update(context.Background(), event.UpdateEvent{ObjectOld: podIn("shop"), ObjectNew: podIn("shop")}, w.queue)
		}, inShop},
		"a pod's end": {func(w *watched) {
			w.handler(Pods).Delete(context.Background(), event.DeleteEvent{Object: podIn("shop")}, w.queue)
		}, inShop},
		"a service":      {func(w *watched) { w.created(Services, podIn("bank")) }, []string{"bank/elsewhere", "mall/out"}},
		"a ServiceEntry": {func(w *watched) { w.created(ServiceEntries, podIn("bank")) }, []string{"bank/elsewhere", "mall/out"}},
		"a Sidecar":      {func(w *watched) { w.created(Sidecars, podIn("bank")) }, []string{"bank/elsewhere"}},
		"the root":       {func(w *watched) { w.created(Sidecars, podIn("istio-system")) }, all},
		"wasmer":         {func(w *watched) { w.created(Pods, podIn("wasm")) }, all},
	} {
		t.Run(name, func(t *testing.T) {
			watching(t, func(w *watched) {
				tt.event(w)
				if got := w.changes(delay - 1); got != nil {
					t.Errorf("before changes are gathered: %v", got)
				}
				if diff := cmp.Diff(tt.want, w.changes(1)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := w.changes(time.Hour); got != nil {
					t.Errorf("without another change: %v", got)
				}
			}, items...)
		})
	}
}

// TestChangesAreGathered: however many there are, the AutoWasms of a namespace are checked once every few seconds.
func TestChangesAreGathered(t *testing.T) {
	watching(t, func(w *watched) {
		for range 60 {
			for range 100 {
				w.created(Pods, podIn("shop"))
			}
			time.Sleep(time.Second)
		}
		w.changes(delay)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.lists < 5 || w.lists > 7 {
			t.Errorf("checked %d times in a minute", w.lists)
		}
	}, inForceWith("shop", "test"))
}

// A change is not lost with a cache that cannot be read.
func TestACacheThatFails(t *testing.T) {
	watching(t, func(w *watched) {
		w.fail(errors.New("not synced"))
		w.created(Pods, podIn("shop"))
		if got := w.changes(time.Minute); got != nil {
			t.Errorf("named %v", got)
		}
		w.fail(nil)
		if diff := cmp.Diff([]string{"shop/test"}, w.changes(2*time.Minute)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}, inForceWith("shop", "test"))
}

// TestMatters: readiness and the like of Pods, and resyncs, are no changes.
func TestMatters(t *testing.T) {
	old := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details-1", Labels: map[string]string{"app": "details"}}}
	for name, tt := range map[string]struct {
		edit func(*corev1.Pod)
		want bool
	}{
		"ready":     {func(p *corev1.Pod) { p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady}} }, false},
		"running":   {func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }, false},
		"annotated": {func(p *corev1.Pod) { p.Annotations = map[string]string{"a": "b"} }, false},
		"finished":  {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, true},
		"failed":    {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		"leaving":   {func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, true},
		"labelled":  {func(p *corev1.Pod) { p.Labels["app"] = "x" }, true},
	} {
		pod := old.DeepCopy()
		tt.edit(pod)
		if got := matters(event.UpdateEvent{ObjectOld: old, ObjectNew: pod}); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
	service := func(version int) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{ResourceVersion: fmt.Sprint(version)}}
	}
	if !matters(event.UpdateEvent{ObjectOld: service(1), ObjectNew: service(2)}) || matters(event.UpdateEvent{ObjectOld: service(1), ObjectNew: service(1)}) {
		t.Error("a Service's change is left out, or a resync is not")
	}
}
