// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/status"
)

// collect reads what the reports are made of, and returns at which version of the AutoWasms.
func collect(ctx context.Context, c *cluster, name string) ([]status.Report, string, error) {
	found, version, err := list[v1alpha1.AutoWasm](ctx, c, autoWasms, c.namespace, byName(name))
	switch {
	case isUnserved(err):
		return nil, "", hintedError{errors.New("the cluster does not serve AutoWasms (wasm.tcm.io/v1alpha1)"), "install wasmer in it, or name another cluster with --context"}
	case err != nil:
		return nil, "", err
	case name != "" && len(found) == 0:
		return nil, "", hintedError{fmt.Errorf("there is no AutoWasm %s%s", name, inNamespace(c.namespace)), "name its namespace with -n; kubectl get aw -A lists all"}
	case len(found) == 0:
		return []status.Report{}, version, nil
	}
	objects := objectsOf(ctx, c, name, found)
	reports := make([]status.Report, len(found))
	for i := range objects {
		reports[i] = status.Of(objects[i])
	}
	return reports, version, nil
}

// objectsOf reads the EnvoyFilters and the Pods that belong to AutoWasms.
func objectsOf(ctx context.Context, c *cluster, name string, found []v1alpha1.AutoWasm) []status.Objects {
	filters, _, filtersErr := list[unstructured.Unstructured](ctx, c, envoyFilters, c.namespace, byName(name))
	byKey := map[string]*unstructured.Unstructured{}
	for i := range filters {
		byKey[filters[i].GetNamespace()+"/"+filters[i].GetName()] = &filters[i]
	}
	reader := podReader{cluster: c, read: map[string]podList{}}
	all := make([]status.Objects, len(found))
	for i := range found {
		aw := &found[i]
		all[i] = status.Objects{AutoWasm: aw, EnvoyFilter: byKey[aw.Namespace+"/"+aw.Name], NoEnvoyFilter: message(filtersErr)}
		selected, err := reader.selected(ctx, aw, name != "")
		all[i].Pods, all[i].NoPods = selected, message(err)
	}
	return all
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// podReader reads Pods, those of a namespace once for all of its AutoWasms.
type podReader struct {
	cluster *cluster
	// read are those of a namespace, "" for all.
	read map[string]podList
}

type podList struct {
	items []status.Pod
	err   error
}

// selected returns the Pods that an AutoWasm selects. one says that it is the only one.
func (r *podReader) selected(ctx context.Context, aw *v1alpha1.AutoWasm, one bool) ([]status.Pod, error) {
	namespace, selector := aw.Namespace, labels.SelectorFromSet(aw.Spec.Selector.Labels())
	if status.IsMeshWide(aw) || r.cluster.namespace == "" {
		namespace = ""
	}
	query := url.Values{}
	if one && !selector.Empty() {
		query.Set("labelSelector", selector.String())
	}
	found, known := r.read[namespace]
	if !known {
		found.items, _, found.err = list[status.Pod](ctx, r.cluster, pods, namespace, query)
		r.read[namespace] = found
	}
	var matching []status.Pod
	for _, pod := range found.items {
		if (status.IsMeshWide(aw) || pod.Namespace == aw.Namespace) && selector.Matches(labels.Set(pod.Labels)) {
			matching = append(matching, pod)
		}
	}
	return matching, found.err
}
