// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// indexed reads Pods and Services as controller-runtime's cache does, whose reader cannot be had without an API
// server: by the index of namespaces, uncopied.
type indexed struct {
	client.Reader
	pods, services toolscache.Indexer
}

func newIndexed() *indexed {
	indexer := func() toolscache.Indexer {
		return toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc})
	}
	return &indexed{pods: indexer(), services: indexer()}
}

func (i *indexed) List(_ context.Context, into client.ObjectList, o ...client.ListOption) error {
	indexer := i.services
	if _, ok := into.(*corev1.PodList); ok {
		indexer = i.pods
	}
	var options client.ListOptions
	options.ApplyOptions(o)
	objects, err := indexer.ByIndex(toolscache.NamespaceIndex, options.Namespace)
	if err != nil {
		return err
	}
	found := make([]runtime.Object, 0, len(objects))
	for _, object := range objects {
		if options.Limit > 0 && int64(len(found)) >= options.Limit {
			break
		}
		m, err := apimeta.Accessor(object)
		if err != nil {
			return err
		}
		if options.LabelSelector == nil || options.LabelSelector.Matches(labels.Set(m.GetLabels())) {
			found = append(found, object.(runtime.Object))
		}
	}
	return apimeta.SetList(into, found)
}

func (i *indexed) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return fmt.Errorf("%s is not asked for: the server is unknown", key)
}

// BenchmarkFindings is what an admission pays for advice in a namespace of 10 000 Pods and 200 Services: for a
// workload of 20 Pods, and for one of all.
func BenchmarkFindings(b *testing.B) {
	cache := newIndexed()
	for n := range 10_000 {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: fmt.Sprint("pod-", n),
			Labels: map[string]string{"app": fmt.Sprint("app-", n%500), "tier": "all", "pod-template-hash": "x"},
		}}
		pod.Spec.Containers = []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 9080}}}, {Name: "istio-proxy"}}
		if err := cache.pods.Add(pod); err != nil {
			b.Fatal(err)
		}
	}
	for n := range 200 {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("service-", n)}}
		service.Spec = corev1.ServiceSpec{Selector: map[string]string{"app": fmt.Sprint("app-", n)}, Ports: []corev1.ServicePort{{Port: 80, Name: "http"}}}
		if err := cache.services.Add(service); err != nil {
			b.Fatal(err)
		}
	}
	l := &Loader{Reader: cache, Kinds: NewKinds(Pods.WithVersion("v1"), Services.WithVersion("v1")), Options: Options{RootNamespace: "istio-system"}}
	for name, selector := range map[string]map[string]string{"20 pods": {"app": "app-7"}, "all pods": {"tier": "all"}} {
		b.Run(name, func(b *testing.B) {
			aw := autoWasm("", 80, 9080)
			aw.Spec.Selector.MatchLabels = labelValues(selector)
			for b.Loop() {
				if _, err := l.Findings(b.Context(), aw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
