// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The kinds that are read. A cluster may lack each of them.
var (
	Pods                = schema.GroupKind{Kind: "Pod"}
	Services            = schema.GroupKind{Kind: kindService}
	ServiceEntries      = schema.GroupKind{Group: "networking.istio.io", Kind: kindServiceEntry}
	WorkloadEntries     = schema.GroupKind{Group: "networking.istio.io", Kind: "WorkloadEntry"}
	Sidecars            = schema.GroupKind{Group: "networking.istio.io", Kind: "Sidecar"}
	DestinationRules    = schema.GroupKind{Group: "networking.istio.io", Kind: "DestinationRule"}
	PeerAuthentications = schema.GroupKind{Group: "security.istio.io", Kind: "PeerAuthentication"}
)

const (
	kindService      = "Service"
	kindServiceEntry = "ServiceEntry"
)

// GroupKinds are all kinds that are read.
func GroupKinds() []schema.GroupKind {
	return slices.SortedFunc(maps.Keys(transforms), compareKinds)
}

func compareKinds(a, b schema.GroupKind) int { return cmp.Compare(a.String(), b.String()) }

// Kinds are those that the cluster has and wasmer may watch, in the version to watch. They may be used concurrently: kinds
// come to them while wasmer runs, and none go.
type Kinds struct {
	mu     sync.RWMutex
	found  map[schema.GroupKind]schema.GroupVersionKind
	absent map[schema.GroupKind]bool
	added  []func(schema.GroupVersionKind)
}

// NewKinds returns the kinds that are found.
func NewKinds(found ...schema.GroupVersionKind) *Kinds {
	k := &Kinds{found: map[schema.GroupKind]schema.GroupVersionKind{}, absent: map[schema.GroupKind]bool{}}
	for _, gvk := range found {
		k.found[gvk.GroupKind()] = gvk
	}
	return k
}

// Has reports whether a kind can be read.
func (k *Kinds) Has(kind schema.GroupKind) bool {
	_, ok := k.version(kind)
	return ok
}

// Absent reports whether the cluster lacks a kind. One that wasmer may not watch is neither had nor absent.
func (k *Kinds) Absent(kind schema.GroupKind) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.absent[kind]
}

func (k *Kinds) version(kind schema.GroupKind) (gvk schema.GroupVersionKind, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	gvk, ok = k.found[kind]
	return gvk, ok
}

func (k *Kinds) all() []schema.GroupVersionKind {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.SortedFunc(maps.Values(k.found), func(a, b schema.GroupVersionKind) int { return compareKinds(a.GroupKind(), b.GroupKind()) })
}

func (k *Kinds) allAbsent() []schema.GroupKind {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(k.absent), compareKinds)
}

// add makes an absent kind one that can be read.
func (k *Kinds) add(gvk schema.GroupVersionKind) {
	k.mu.Lock()
	k.found[gvk.GroupKind()] = gvk
	delete(k.absent, gvk.GroupKind())
	k.mu.Unlock()
	for _, f := range k.added {
		f(gvk)
	}
}

// forget has an absent kind that has come, but may not be watched, no longer polled for.
func (k *Kinds) forget(kind schema.GroupKind) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.absent, kind)
}

// onAdd has f called with each kind that comes. It is called before anything runs.
func (k *Kinds) onAdd(f func(schema.GroupVersionKind)) { k.added = append(k.added, f) }

// objectOf returns an empty object of one of the kinds, as the cache is asked for it: Istio's are untyped, so that a
// value that a newer Istio knows does not keep the cache from being filled.
func objectOf(gvk schema.GroupVersionKind) client.Object {
	switch gvk.GroupKind() {
	case Pods:
		return &corev1.Pod{}
	case Services:
		return &corev1.Service{}
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	return object
}

// Fill has the cache, whose default transform must be Trim, watch the kinds from its start.
func (k *Kinds) Fill(ctx context.Context, c cache.Cache) error {
	for _, gvk := range k.all() {
		if _, err := c.GetInformer(ctx, objectOf(gvk), cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("cache %s: %w", gvk.GroupKind(), err)
		}
	}
	return nil
}
