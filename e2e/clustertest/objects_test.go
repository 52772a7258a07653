//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// objects are those of a cluster, as "resource.group namespace/name".
type objects map[string]bool

// before are the objects of the cluster before the tests installed wasmer.
var before objects

// listObjects lists those of every kind that can be listed.
func listObjects(ctx context.Context) (objects, error) {
	config, err := restConfig()
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	kinds, err := listableKinds(config)
	if err != nil {
		return nil, err
	}
	all := objects{}
	for _, kind := range kinds {
		list, err := client.Resource(kind).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("list all %s: %w", kind.GroupResource(), err)
		}
		for _, o := range list.Items {
			all[fmt.Sprintf("%s %s/%s", kind.GroupResource(), o.Namespace, o.Name)] = true
		}
	}
	return all, nil
}

// ignored are kinds whose objects go by themselves, or with the Services of a namespace, and what is no object.
var ignored = []string{"events", "ipaddresses", "componentstatuses"}

func listableKinds(config *rest.Config) (kinds []schema.GroupVersionResource, err error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	lists, err := client.ServerPreferredResources()
	if err != nil {
		return nil, fmt.Errorf("list the kinds: %w", err)
	}
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, r := range list.APIResources {
			if slices.Contains(r.Verbs, "list") && !slices.Contains(ignored, r.Name) {
				kinds = append(kinds, group.WithResource(r.Name))
			}
		}
	}
	return kinds, nil
}

// left returns what there is now of wasmer's, or was not there before the tests, but for what a namespace holds. The Pods of
// others do not count: they are replaced, as when a test drains their node.
func left(ctx context.Context, namespace string) ([]string, error) {
	now, err := listObjects(ctx)
	if err != nil {
		return nil, err
	}
	var left []string
	for o := range now {
		own := strings.Contains(o, "wasmer") || strings.Contains(o, "wasm.tcm.io")
		isNew := !before[o] && !strings.HasPrefix(o, "pods ")
		if (own || isNew) && !strings.Contains(o, " "+namespace+"/") && o != "namespaces /"+namespace {
			left = append(left, o)
		}
	}
	slices.Sort(left)
	return left, nil
}
