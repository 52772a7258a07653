// SPDX-License-Identifier: Apache-2.0

// Package webtest has clusters for tests of the page: what a manager's cache would have of them.
package webtest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/render"
)

// Cluster is a client.Reader of AutoWasms with their EnvoyFilters, and of Pods. It may be used concurrently.
type Cluster struct {
	mu           sync.Mutex
	version      int
	lists        int
	autoWasms    map[types.NamespacedName]*v1alpha1.AutoWasm
	envoyFilters map[types.NamespacedName]*unstructured.Unstructured
	pods         map[types.NamespacedName]*corev1.Pod
}

// NewCluster returns one that is empty.
func NewCluster() *Cluster {
	return &Cluster{
		autoWasms:    map[types.NamespacedName]*v1alpha1.AutoWasm{},
		envoyFilters: map[types.NamespacedName]*unstructured.Unstructured{},
		pods:         map[types.NamespacedName]*corev1.Pod{},
	}
}

// Put stores AutoWasms, and for those that have a module the EnvoyFilter that wasmer makes of it.
func (c *Cluster) Put(all ...*v1alpha1.AutoWasm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, aw := range all {
		key := client.ObjectKeyFromObject(aw)
		aw.ResourceVersion = c.next()
		c.autoWasms[key] = aw
		if aw.Status.Module != nil && c.envoyFilters[key] == nil {
			c.envoyFilters[key] = c.envoyFilter(aw)
		}
	}
}

// PutPods stores Pods.
func (c *Cluster) PutPods(all ...*corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pod := range all {
		pod.ResourceVersion = c.next()
		c.pods[client.ObjectKeyFromObject(pod)] = pod
	}
}

// Delete removes an AutoWasm with its EnvoyFilter.
func (c *Cluster) Delete(namespace, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := types.NamespacedName{Namespace: namespace, Name: name}
	delete(c.autoWasms, key)
	delete(c.envoyFilters, key)
}

// Lists is how often something was listed.
func (c *Cluster) Lists() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists
}

func (c *Cluster) next() string {
	c.version++
	return strconv.Itoa(c.version)
}

func (c *Cluster) envoyFilter(aw *v1alpha1.AutoWasm) *unstructured.Unstructured {
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: aw.Status.Module.SHA256}, render.Options{
		Cluster: "outbound|8081||wasmer.istio-system.svc.cluster.local", BaseURL: "http://wasmer.istio-system:8081",
	})
	if err != nil {
		panic(fmt.Sprintf("render AutoWasm %s/%s: %v", aw.Namespace, aw.Name, err))
	}
	written := metav1.NewTime(aw.CreationTimestamp.Add(time.Second))
	ef.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: render.FieldManager, Operation: "Apply", Time: &written}})
	ef.SetOwnerReferences([]metav1.OwnerReference{{UID: aw.UID}})
	ef.SetCreationTimestamp(aw.CreationTimestamp)
	ef.SetUID(types.UID("of-" + string(aw.UID)))
	ef.SetResourceVersion(c.next())
	return ef
}

// Get implements client.Reader. It always fails: the page lists.
func (c *Cluster) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return fmt.Errorf("the test's cluster lists alone")
}

// List implements client.Reader for lists of everything, in no order.
func (c *Cluster) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists++
	switch into := list.(type) {
	case *v1alpha1.AutoWasmList:
		into.Items = make([]v1alpha1.AutoWasm, 0, len(c.autoWasms))
		for _, aw := range c.autoWasms {
			into.Items = append(into.Items, *aw)
		}
	case *corev1.PodList:
		into.Items = make([]corev1.Pod, 0, len(c.pods))
		for _, pod := range c.pods {
			into.Items = append(into.Items, *pod)
		}
	case *unstructured.UnstructuredList:
		if into.GetKind() != istio.EnvoyFilterKind+"List" {
			return fmt.Errorf("a list of %s is read", into.GetKind())
		}
		into.Items = make([]unstructured.Unstructured, 0, len(c.envoyFilters))
		for _, ef := range c.envoyFilters {
			into.Items = append(into.Items, *ef)
		}
	default:
		return fmt.Errorf("a %T is read", list)
	}
	return nil
}
