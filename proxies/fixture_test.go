// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/fairworkers"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

var (
	testKey  = types.NamespacedName{Namespace: "shop", Name: "test"}
	testTime = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	plugin1  = render.Plugin{Owner: "autowasm.shop.test", VM: "11111111", Revision: "aaaaaaaa"}
	plugin2  = render.Plugin{Owner: "autowasm.shop.test", VM: "22222222", Revision: "bbbbbbbb"}
)

const testModule = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// applied is an AutoWasm and its EnvoyFilter as they are in the cache.
type applied struct {
	aw *v1alpha1.AutoWasm
	ef *unstructured.Unstructured
}

// inCluster is an AutoWasm of generation 1 with an EnvoyFilter of generation 1, for plugin1, that is in force,
// changed by the edits.
func inCluster(edits ...func(*applied)) applied {
	a := applied{
		aw: &v1alpha1.AutoWasm{
			ObjectMeta: metav1.ObjectMeta{Namespace: testKey.Namespace, Name: testKey.Name, UID: "uid-1", Generation: 1},
			Spec:       v1alpha1.AutoWasmSpec{Selector: v1alpha1.WorkloadSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "details"}}},
			Status: v1alpha1.AutoWasmStatus{
				Module:      &v1alpha1.ModuleStatus{SHA256: testModule},
				EnvoyFilter: &v1alpha1.EnvoyFilterStatus{Name: testKey.Name, Generation: 1},
				Conditions:  []metav1.Condition{{Type: v1alpha1.ConditionEnvoyFilterApplied, Status: metav1.ConditionTrue, ObservedGeneration: 1}},
			},
		},
		ef: istio.NewEnvoyFilter(),
	}
	a.ef.SetUID("ef-1")
	a.ef.SetGeneration(1)
	a.ef.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: render.FieldManager}})
	withPlugin(plugin1)(&a)
	for _, edit := range edits {
		edit(&a)
	}
	a.ef.SetNamespace(a.aw.Namespace)
	a.ef.SetName(a.aw.Name)
	a.ef.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(a.aw, v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))})
	return a
}

func named(name string) func(*applied) { return func(a *applied) { a.aw.Name = name } }

// ofGeneration is a change of the AutoWasm that was applied.
func ofGeneration(n int64) func(*applied) {
	return func(a *applied) {
		a.aw.Generation, a.aw.Status.Conditions[0].ObservedGeneration = n, n
	}
}

func withPlugin(p render.Plugin) func(*applied) {
	return func(a *applied) { annotate(a.ef, v1alpha1.AnnotationPlugin, p.String()) }
}

// secondGeneration is the next generation, with another plugin.
func secondGeneration(a *applied) {
	ofGeneration(2)(a)
	envoyFilterGeneration(2)(a)
	withPlugin(plugin2)(a)
}

func envoyFilterGeneration(n int64) func(*applied) {
	return func(a *applied) {
		a.ef.SetGeneration(n)
		a.aw.Status.EnvoyFilter.Generation = n
	}
}

// notApplied is an AutoWasm that fails before its EnvoyFilter.
func notApplied(a *applied) { a.aw.Status.Conditions[0].Status = metav1.ConditionFalse }

// written has the EnvoyFilter written by us at a time.
func written(at time.Time) func(*applied) {
	return func(a *applied) {
		a.ef.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: render.FieldManager, Time: &metav1.Time{Time: at}}})
	}
}

// loaded has the status say that ProxiesLoaded has been so since testTime.
func loaded(status metav1.ConditionStatus, reason v1alpha1.Reason, counts *v1alpha1.ProxiesStatus) func(*applied) {
	return func(a *applied) {
		a.aw.Status.Proxies = counts
		a.aw.Status.Conditions = append(a.aw.Status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionProxiesLoaded, Status: status, Reason: string(reason), LastTransitionTime: metav1.NewTime(testTime),
		})
	}
}

// notRunning was evaluated by a former process.
var notRunning = loaded(metav1.ConditionUnknown, v1alpha1.ReasonProxiesUncertain, &v1alpha1.ProxiesStatus{Selected: 1})

func annotate(ef *unstructured.Unstructured, key, value string) {
	annotations := ef.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	ef.SetAnnotations(annotations)
}

// target is what its proxies should run.
func (a applied) target(t *testing.T) target {
	t.Helper()
	target := targetOf(a.aw, a.ef, "istio-system")
	if target == nil {
		t.Fatalf("no target of %+v", a.aw)
	}
	return *target
}

// running is a Reconciler that a controller runs, with the changes that it reported.
type running struct {
	*Reconciler
	*cluster
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	mu    sync.Mutex
	names []string
	stop  func()
}

// inMesh runs a test of a Reconciler in a time of its own, and stops it.
func inMesh(t *testing.T, test func(t *testing.T, r *running), edits ...func(*Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, edits...)
		test(t, r)
		r.stop()
	})
}

func start(t *testing.T, edits ...func(*Options)) *running {
	r := &running{cluster: &cluster{applied: map[types.NamespacedName]applied{}}}
	o := Options{Scraper: r.cluster, Accesses: r.cluster, SyncStatus: r.cluster, RootNamespace: "istio-system"}
	for _, edit := range edits {
		edit(&o)
	}
	r.Reconciler = NewReconciler(r.cluster, o)
	r.OnChange(r.noteChange)
	fair := fairworkers.New(r.Reconciler, r.o.Workers)
	c, err := controller.NewUnmanaged(Name, controller.Options{
		Reconciler: fair, MaxConcurrentReconciles: r.o.Workers, SkipNameValidation: new(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Watch(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		r.queue = queue
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Watch(fair); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Start(ctx) }()
	synctest.Wait()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	return r
}

func (r *running) noteChange(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names = append(r.names, key.Name)
}

// changes returns the names of the AutoWasms that changed since the last call.
func (r *running) changes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.names
	r.names = nil
	return names
}

// put puts objects into the cache, and returns what is known of them by then, in short; "" for nothing.
func (r *running) put(a applied) string {
	key := client.ObjectKeyFromObject(a.aw)
	r.edit(func(c *cluster) { c.applied[key] = a })
	defer r.queue.Add(reconcile.Request{NamespacedName: key})
	snapshot, known := r.Snapshot(context.Background(), a.aw, a.ef)
	if !known {
		return ""
	}
	if f := snapshot.Failure(false); f != nil {
		return f.Error()
	}
	return snapshot.Condition().Message
}

// delete takes the AutoWasm out of the cache.
func (r *running) delete(key types.NamespacedName) {
	r.edit(func(c *cluster) { delete(c.applied, key) })
	r.queue.Add(reconcile.Request{NamespacedName: key})
}

// recorded returns how many AutoWasms have a record.
func (r *running) recorded() int {
	r.Reconciler.mu.Lock()
	defer r.Reconciler.mu.Unlock()
	return len(r.records)
}

// known returns the record of the test's AutoWasm.
func (r *running) known() *record {
	r.Reconciler.mu.Lock()
	defer r.Reconciler.mu.Unlock()
	return r.records[testKey]
}
