// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

func newTestQueue(t *testing.T) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	return queue
}

func TestWhatIsWorthAReconcile(t *testing.T) {
	observed := func(aw *v1alpha1.AutoWasm) { aw.Status.ObservedGeneration = 1 }
	now := metav1.NewTime(testTime)
	tests := []struct {
		name                                  string
		edit                                  func(*v1alpha1.AutoWasm)
		wantAsked, wantModuleChange, wantLeft bool
	}{
		{"a resync", func(*v1alpha1.AutoWasm) {}, false, false, false},
		{"our own status", func(aw *v1alpha1.AutoWasm) { aw.Status.Phase = v1alpha1.PhaseSynced }, false, false, false},
		{"another module", func(aw *v1alpha1.AutoWasm) { aw.Status.Module = moduleStatus(shaA) }, false, true, false},
		{"another spec", generation(2), true, false, true},
		{"another label", func(aw *v1alpha1.AutoWasm) { aw.Labels = map[string]string{istio.LabelRevision: "canary"} }, true, false, false},
		{"another annotation", func(aw *v1alpha1.AutoWasm) { aw.Annotations = map[string]string{"a": "b"} }, true, false, false},
		{"a deletion that waits", func(aw *v1alpha1.AutoWasm) { aw.DeletionTimestamp = &now }, true, false, false},
		{"created again", func(aw *v1alpha1.AutoWasm) { aw.UID = "uid-2" }, true, false, true},
		{"the status taken away", func(aw *v1alpha1.AutoWasm) { aw.Status.ObservedGeneration = -1 }, true, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := event.UpdateEvent{ObjectOld: autoWasm(observed), ObjectNew: autoWasm(observed, tt.edit)}
			if got := asked.Update(e); got != tt.wantAsked {
				t.Errorf("asked = %v, want %v", got, tt.wantAsked)
			}
			if got := moduleChanged.Update(e); got != tt.wantModuleChange {
				t.Errorf("moduleChanged = %v, want %v", got, tt.wantModuleChange)
			}
			if got := leftOrChanged.Update(e); got != tt.wantLeft {
				t.Errorf("leftOrChanged = %v, want %v", got, tt.wantLeft)
			}
		})
	}
	if leftOrChanged.Create(event.CreateEvent{}) || !leftOrChanged.Delete(event.DeleteEvent{}) {
		t.Error("leftOrChanged: creations count, or deletions do not")
	}
}

func TestDependents(t *testing.T) {
	named := func(namespace, name, configMap string) client.Object {
		return autoWasm(func(aw *v1alpha1.AutoWasm) {
			aw.Namespace, aw.Name = namespace, name
			if configMap != "" {
				aw.Spec.Filter.Source = v1alpha1.Source{ConfigMap: &v1alpha1.ConfigMapSource{Name: configMap, Key: "k"}}
			}
		})
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).
		WithIndex(&v1alpha1.AutoWasm{}, indexConfigMap, configMapOf).
		WithObjects(
			named("shop", "a", ""), named("shop", "b", "module"), named("shop", "c", "module"), named("shop", "d", "other"),
			named("bank", "e", "module"),
		).Build()
	tests := []struct {
		index, name string
		want        []string
	}{
		{indexConfigMap, "module", []string{"shop/b", "shop/c"}},
		{indexConfigMap, "unused", nil},
	}
	for _, tt := range tests {
		object := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: tt.name}}
		var got []string
		for _, request := range dependents(c, tt.index)(t.Context(), object) {
			got = append(got, request.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("dependents by %s of %s (-want +got):\n%s", tt.index, tt.name, diff)
		}
	}
}

func TestSetup(t *testing.T) {
	good := Options{Fetcher: newSources(), Render: testRender}
	if err := SetupWithManager(newTestManager(t), good); err != nil {
		t.Errorf("set up: %v", err)
	}
	for name, o := range map[string]Options{
		"no fetcher":   {Render: testRender},
		"no rendering": {Fetcher: newSources()},
	} {
		if err := SetupWithManager(newTestManager(t), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// newTestManager is a manager that is never started.
func newTestManager(t *testing.T) ctrl.Manager {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind), meta.RESTScopeNamespace)
	mapper.Add(schema.FromAPIVersionAndKind(istio.EnvoyFilterAPIVersion, istio.EnvoyFilterKind), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	skip := true
	mgr, err := ctrl.NewManager(&rest.Config{Host: "http://127.0.0.1:1"}, ctrl.Options{
		Scheme:         scheme,
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil },
		Metrics:        server.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &skip},
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgr
}

func TestEnqueuer(t *testing.T) {
	e := &enqueuer{}
	e.enqueue(testKey) // before the reconciler runs: nothing happens
	queue := newTestQueue(t)
	if err := e.start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	e.enqueue(types.NamespacedName{Namespace: "shop", Name: "other"})
	if item, _ := queue.Get(); item.Name != "other" || queue.Len() != 0 {
		t.Errorf("got %v and %d more, want other alone", item, queue.Len())
	}
}
