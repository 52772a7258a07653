// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/status"
)

// objects are what the cache has at one moment. They are not to be changed.
type objects struct {
	rootNamespace string
	autoWasms     []v1alpha1.AutoWasm
	envoyFilters  map[types.NamespacedName]*unstructured.Unstructured
	pods          map[string]*podsOf
	noPods        string
}

// read reads the cache.
func read(ctx context.Context, o Options) (*objects, error) {
	var autoWasms v1alpha1.AutoWasmList
	if err := o.Reader.List(ctx, &autoWasms, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("read the AutoWasms: %w", err)
	}
	filters := istio.NewEnvoyFilterList()
	if err := o.Reader.List(ctx, filters, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("read the EnvoyFilters: %w", err)
	}
	found := &objects{rootNamespace: o.RootNamespace, autoWasms: autoWasms.Items, envoyFilters: map[types.NamespacedName]*unstructured.Unstructured{}}
	for i := range filters.Items {
		found.envoyFilters[client.ObjectKeyFromObject(&filters.Items[i])] = &filters.Items[i]
	}
	return found, found.readPods(ctx, o)
}

func (o *objects) readPods(ctx context.Context, options Options) error {
	var pods corev1.PodList
	if options.HasPods == nil || !options.HasPods() {
		o.noPods = "wasmer may not list Pods"
	} else if err := options.Reader.List(ctx, &pods, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("read the Pods: %w", err)
	}
	o.pods = byNamespace(pods.Items)
	return nil
}

// basis is what the report of an AutoWasm is made of: it changes with the report.
type basis struct {
	autoWasm, envoyFilter version
	pods                  uint64
}

// basisOf is that of an AutoWasm, with the Pods of all that it may select.
func (o *objects) basisOf(aw *v1alpha1.AutoWasm) basis {
	b := basis{autoWasm: version{aw.UID, aw.ResourceVersion}}
	if ef := o.envoyFilters[client.ObjectKeyFromObject(aw)]; ef != nil {
		b.envoyFilter = version{ef.GetUID(), ef.GetResourceVersion()}
	}
	if pods := o.podsFor(aw); pods != nil {
		b.pods = pods.sum
	}
	return b
}

// podsFor are those among which an AutoWasm selects.
func (o *objects) podsFor(aw *v1alpha1.AutoWasm) *podsOf {
	if aw.Namespace == o.rootNamespace {
		return o.pods[""]
	}
	return o.pods[aw.Namespace]
}

// reportOf makes the report of an AutoWasm.
func (o *objects) reportOf(aw *v1alpha1.AutoWasm) status.Report {
	return status.Of(status.Objects{
		AutoWasm: aw, EnvoyFilter: o.envoyFilters[client.ObjectKeyFromObject(aw)],
		Pods: o.podsFor(aw).selected(aw.Spec.Selector.Labels()), NoPods: o.noPods, RootNamespace: o.rootNamespace,
	})
}
