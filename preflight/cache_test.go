// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// serve has a cluster with a mesh answer as an API server that has these objects, given in YAML.
func serve(t *testing.T, manifests ...string) *rest.Config {
	t.Helper()
	return serveCluster(t, func() cluster { return cluster{groups: meshed()} }, manifests...)
}

// serveCluster is serve for a cluster whose kinds change.
func serveCluster(t *testing.T, now func() cluster, manifests ...string) *rest.Config {
	t.Helper()
	objects := map[string][]map[string]any{}
	for _, manifest := range manifests {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
			t.Fatal(err)
		}
		object.SetResourceVersion("1")
		object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: "Update", APIVersion: object.GetAPIVersion()}})
		objects[object.GetKind()] = append(objects[object.GetKind()], object.Object)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		groups := now()
		kind, apiVersion := groups.kindAt(r.URL.Path)
		switch {
		case kind == "":
			groups.ServeHTTP(w, r)
		case r.URL.Query().Get("watch") != "":
			watch(w, r, kind, apiVersion, objects[kind])
		default:
			answer(w, map[string]any{"kind": kind + "List", "apiVersion": apiVersion, "metadata": map[string]any{"resourceVersion": "1"}, "items": objects[kind]})
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, QPS: -1}
}

// kindAt is the kind that a path lists, "" for none.
func (c cluster) kindAt(path string) (kind, apiVersion string) {
	for gv, resources := range c.groups {
		for _, resource := range resources {
			plural, kind, _ := strings.Cut(resource, "/")
			if strings.HasSuffix(path, "/"+gv+"/"+plural) {
				return kind, gv
			}
		}
	}
	return "", ""
}

// watch sends the objects, if they are asked for, and nothing more.
func watch(w http.ResponseWriter, r *http.Request, kind, apiVersion string, objects []map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		for _, object := range objects {
			_ = json.NewEncoder(w).Encode(map[string]any{"type": "ADDED", "object": object})
		}
		end := map[string]any{"resourceVersion": "1", "annotations": map[string]any{metav1.InitialEventsAnnotationKey: "true"}}
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "BOOKMARK", "object": map[string]any{"kind": kind, "apiVersion": apiVersion, "metadata": end}})
	}
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// started is the cache of wasmer's manager, filled.
func started(t *testing.T, config *rest.Config, kinds *Kinds) cache.Cache {
	t.Helper()
	c, err := cache.New(config, cache.Options{DefaultTransform: Trim})
	if err != nil {
		t.Fatal(err)
	}
	if err := kinds.Fill(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	waiting, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !c.WaitForCacheSync(waiting) {
		t.Fatal("the cache is not filled")
	}
	return c
}

// everyManifest has an object of each kind.
var everyManifest = []string{
	detailsPod, finishedPod, otherPod, farPod, detailsVM, detailsService, farService, hiddenService, detailsEntry, wasmerService, wasmerPod,
	`{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {namespace: shop, name: default, creationTimestamp: "2026-01-01T00:00:00Z"}, spec: {egress: [{hosts: ["./*"]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}}`,
	`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {namespace: shop, name: wasmer}, spec: {host: "*.local", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}}`,
	`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: istio-system, name: mesh}, spec: {mtls: {mode: STRICT}}}`,
}

// TestLoadFromACache: what is read survives what the cache leaves out, in each context.
func TestLoadFromACache(t *testing.T) {
	config := serve(t, everyManifest...)
	kinds, err := Discover(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	cached := &Loader{Reader: started(t, config, kinds), Kinds: kinds, Options: options}
	whole := loader(t, kinds, everyManifest...)
	for _, context := range []v1alpha1.Context{v1alpha1.Inbound, v1alpha1.Outbound, v1alpha1.Gateway} {
		for _, namespace := range []string{"shop", "istio-system", "bank"} {
			aw := autoWasm(context, 9080, 80)
			aw.Namespace = namespace
			want, err := whole.Load(t.Context(), aw)
			if err != nil {
				t.Fatal(err)
			}
			sortWorkloads(want)
			got, err := cached.Load(t.Context(), aw)
			sortWorkloads(got)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s in %s: %v (-want +got):\n%s", context, namespace, err, diff)
			}
			if len(want.Workloads) == 0 {
				t.Errorf("%s in %s selects nothing", context, namespace)
			}
		}
	}
	if got, err := cached.Findings(t.Context(), autoWasm("", 9080)); err != nil || len(got) != 2 || got[0].Reason != v1alpha1.ReasonModuleServerHidden {
		t.Errorf("findings %v, %v", got, err)
	}
}

// sortWorkloads puts them into an order that a cache does not have.
func sortWorkloads(v View) {
	slices.SortFunc(v.Workloads, func(a, b Workload) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// TestTheCacheKeepsWhatIsRead: and little else.
func TestTheCacheKeepsWhatIsRead(t *testing.T) {
	config := serve(t, everyManifest...)
	kinds, err := Discover(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	c := started(t, config, kinds)
	for _, kind := range kinds.all() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if kind.Group == "" {
			continue // typed, below
		}
		if err := c.List(t.Context(), list); err != nil || len(list.Items) == 0 {
			t.Errorf("%s: %d objects, %v", kind, len(list.Items), err)
		}
		for _, object := range list.Items {
			if _, kept, _ := unstructured.NestedMap(object.Object, "spec", "outboundTrafficPolicy"); kept || object.GetManagedFields() != nil {
				t.Errorf("%s is cached whole: %v", kind, object.Object)
			}
		}
	}
	pod := objectOf(Pods.WithVersion("v1"))
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "details-1"}, pod); err != nil || pod.GetManagedFields() != nil {
		t.Errorf("%v, %v", pod, err)
	}
}

// TestLoadFromACacheThatLacksKinds: what may not be watched is not waited for.
func TestLoadFromACacheThatLacksKinds(t *testing.T) {
	config := serve(t, detailsPod, wasmerService)
	kinds := NewKinds(Pods.WithVersion("v1"))
	l := &Loader{Reader: started(t, config, kinds), Kinds: kinds, Options: options}
	requireView(t, l, autoWasm("", 9080), View{Workloads: []Workload{workload(containerPort("web", 9080))}, ServicesUnknown: true})
}
