// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
	"github.com/autowasm/autowasm/internal/status"
	"github.com/autowasm/autowasm/web/webtest"
)

// TestThePageShowsWhatWasmcShows: the report of an AutoWasm from the cache, which has a part of each Pod, is that of wasmc
// status, which reads all of it from the API server.
func TestThePageShowsWhatWasmcShows(t *testing.T) {
	tests := map[string]func(*corev1.Pod){
		"a sidecar": func(*corev1.Pod) {},
		"among init containers": func(p *corev1.Pod) {
			p.Spec.InitContainers, p.Spec.Containers = p.Spec.Containers[1:], p.Spec.Containers[:1]
		},
		"none":                   func(p *corev1.Pod) { p.Spec.Containers = p.Spec.Containers[:1] },
		"a gateway":              func(p *corev1.Pod) { p.Spec.Containers = p.Spec.Containers[1:] },
		"an injected gateway":    func(p *corev1.Pod) { p.Annotations = map[string]string{istio.AnnotationInjectTemplates: "gateway"} },
		"one that is not run":    func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State = corev1.ContainerState{} },
		"one that ends":          func(p *corev1.Pod) { now := metav1.Now(); p.DeletionTimestamp = &now },
		"one that has succeeded": func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded },
		"not to be seen": func(p *corev1.Pod) {
			p.Spec.Containers[1].Name, p.Annotations = "other", map[string]string{istio.AnnotationSidecarStatus: "{}"}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			pod := webtest.Pod("shop", "details-1", "details")
			pod.CreationTimestamp, pod.Spec.NodeName = metav1.NewTime(webtest.Now), "node"
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: "app"})
			change(pod)
			aw := webtest.AutoWasm("shop", "headers", "details")
			trimmed, err := mesh.TrimPod(pod.DeepCopy())
			if err != nil {
				t.Fatal(err)
			}
			want := status.Of(status.Objects{AutoWasm: aw, Pods: []status.Pod{asRead(t, pod)}})
			got := status.Of(status.Objects{AutoWasm: aw, Pods: []status.Pod{podOf(trimmed.(*corev1.Pod))}})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-wasmc +page):\n%s", diff)
			}
		})
	}
}

// asRead is a Pod as wasmc reads it.
func asRead(t *testing.T, pod *corev1.Pod) status.Pod {
	t.Helper()
	raw, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return decode[status.Pod](t, string(raw))
}

// TestOneAutoWasm: its own page has each proxy and what to do.
func TestOneAutoWasm(t *testing.T) {
	url, _ := serve(t, twoTeams())
	got := decode[status.Report](t, get(t, url+"/api/autowasms/pay/audit", http.StatusOK))
	if len(got.Proxies.All) != 1 || got.Proxies.All[0].State != "StartFailed" || len(got.Actions) != 1 {
		t.Errorf("the report is %+v", got)
	}
}

// TestProxiesOfOneAreBounded, and those beyond are counted.
func TestProxiesOfOneAreBounded(t *testing.T) {
	c := webtest.NewCluster()
	for i := range maxProxiesOfOne + 3 {
		c.PutPods(webtest.Pod("shop", "details-"+webtest.SHA256(string(rune(i)))[:12], "details"))
	}
	c.Put(webtest.AutoWasm("shop", "headers", "details"))
	url, _ := serve(t, c)
	got := decode[struct {
		status.Report
		Omitted int
	}](t, get(t, url+"/api/autowasms/shop/headers", http.StatusOK))
	if len(got.Proxies.All) != maxProxiesOfOne || got.Omitted != 3 {
		t.Errorf("%d proxies, %d omitted", len(got.Proxies.All), got.Omitted)
	}
	all := decode[struct{ Proxies []proxyRow }](t, get(t, url+"/api/proxies", http.StatusOK))
	if len(all.Proxies) != maxProxiesOfOne+3 {
		t.Errorf("the list of all has %d", len(all.Proxies))
	}
}

// TestFiltersOfAProxy are in the order in which a request passes them.
func TestFiltersOfAProxy(t *testing.T) {
	created := func(ago time.Duration) func(*v1alpha1.AutoWasm) {
		return func(aw *v1alpha1.AutoWasm) { aw.CreationTimestamp = metav1.NewTime(webtest.Now.Add(-ago)) }
	}
	priority := func(n int32) func(*v1alpha1.AutoWasm) {
		return func(aw *v1alpha1.AutoWasm) { aw.Spec.Filter.Priority = &n }
	}
	c := webtest.NewCluster()
	c.PutPods(webtest.Pod("shop", "details-1", "details"), webtest.Pod("shop", "other-1", "other"))
	c.Put(
		webtest.AutoWasm("shop", "last", "details", priority(5), created(9*time.Hour)),
		webtest.AutoWasm("shop", "newer", "details", created(time.Hour)),
		webtest.AutoWasm("shop", "older", "details", created(2*time.Hour)),
		webtest.AutoWasm("shop", "older-b", "details", created(2*time.Hour)),
		webtest.AutoWasm("istio-system", "root", "details", created(time.Minute)),
		webtest.AutoWasm("shop", "first", "details", priority(-5), created(time.Minute), webtest.StartFails("details-1")),
		webtest.AutoWasm("shop", "elsewhere", "other"),
	)
	url, _ := serve(t, c)
	got := decode[struct{ Filters []filterOf }](t, get(t, url+"/api/proxies/shop/details-1", http.StatusOK))
	var order []string
	for _, f := range got.Filters {
		order = append(order, f.Name+" "+f.Proxy.State)
	}
	// istiod compares older-b.shop with older.shop.
	want := []string{"first StartFailed", "root Running", "older-b Running", "older Running", "newer Running", "last Running"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	all := decode[struct{ Proxies []proxyRow }](t, get(t, url+"/api/proxies", http.StatusOK))
	wantAll := []proxyRow{
		{Namespace: "shop", Pod: "details-1", Filters: 6, NotRunning: 1, State: "StartFailed"},
		{Namespace: "shop", Pod: "other-1", Filters: 1},
	}
	if diff := cmp.Diff(wantAll, all.Proxies); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoSecretIsShown: a signed URL is shown without its signature.
func TestNoSecretIsShown(t *testing.T) {
	c := webtest.NewCluster()
	c.Put(webtest.AutoWasm("shop", "signed", "details", func(aw *v1alpha1.AutoWasm) {
		aw.Spec.Filter.Source = v1alpha1.Source{Object: &v1alpha1.ObjectSource{URL: "https://user:hunter2@bucket.example/f.wasm?X-Signature=hunter2"}}
	}))
	url, _ := serve(t, c)
	for _, path := range []string{"/api/snapshot", "/api/autowasms/shop/signed"} {
		got := decode[map[string]any](t, get(t, url+path, http.StatusOK))
		if text := asJSON(t, got); containsAny(text, "hunter2", "X-Signature") || !containsAny(text, "bucket.example/f.wasm?…") {
			t.Errorf("%s: %s", path, text)
		}
	}
}
