// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8slabels "k8s.io/apimachinery/pkg/labels"
)

// Equal reports whether live, as read from the API server, already is what desired asks for, so that a write would
// change nothing of ours: the spec is the same value, every label and annotation of desired is there, and none that
// FieldManager applied before has been dropped since. What others added to the metadata does not count.
func Equal(live, desired *unstructured.Unstructured) bool {
	if live == nil || desired == nil {
		return live == desired
	}
	return sameSpec(live, desired) &&
		contains(live.GetLabels(), desired.GetLabels()) &&
		contains(live.GetAnnotations(), desired.GetAnnotations()) &&
		nothingDropped(live, desired)
}

// Merge puts what is rendered into live, as read from the API server, and keeps the metadata that others wrote. The two
// share the spec afterwards.
func Merge(live, rendered *unstructured.Unstructured) {
	live.Object["spec"] = rendered.Object["spec"]
	live.SetLabels(k8slabels.Merge(live.GetLabels(), rendered.GetLabels()))
	live.SetAnnotations(k8slabels.Merge(live.GetAnnotations(), rendered.GetAnnotations()))
}

func sameSpec(a, b *unstructured.Unstructured) bool {
	return sameJSON(a.Object["spec"], b.Object["spec"])
}

// sameJSON compares values as JSON, in which int64(10) and float64(10) are one: decoders differ in the type.
func sameJSON(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	left, leftErr := json.Marshal(a)
	right, rightErr := json.Marshal(b)
	return leftErr == nil && rightErr == nil && bytes.Equal(left, right)
}

// SameReach reports whether two EnvoyFilters of ours are for the same listeners of the same proxies.
func SameReach(a, b *unstructured.Unstructured) bool {
	return sameJSON(reach(a), reach(b))
}

// reach is the selector of an EnvoyFilter and the matches of its patches.
func reach(ef *unstructured.Unstructured) []any {
	selector, _, _ := unstructured.NestedFieldNoCopy(ef.Object, "spec", "workloadSelector")
	patches, _, _ := unstructured.NestedFieldNoCopy(ef.Object, "spec", "configPatches")
	found := []any{selector}
	list, _ := patches.([]any)
	for _, patch := range list {
		fields, _ := patch.(map[string]any)
		found = append(found, fields["match"])
	}
	return found
}

func contains(all, some map[string]string) bool {
	for key, want := range some {
		if got, ok := all[key]; !ok || got != want {
			return false
		}
	}
	return true
}

// nothingDropped finds a label or annotation that FieldManager applied and desired no longer has: it is to be removed.
func nothingDropped(live, desired *unstructured.Unstructured) bool {
	labels, annotations := desired.GetLabels(), desired.GetAnnotations()
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != FieldManager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.Subresource != "" {
			continue
		}
		applied := appliedMetadata(entry)
		if !covered(applied.Labels, labels) || !covered(applied.Annotations, annotations) {
			return false
		}
	}
	return true
}

// appliedKeys are the keys of a managedFields entry, each after the prefix "f:".
type appliedKeys struct {
	Labels      map[string]json.RawMessage `json:"f:labels"`
	Annotations map[string]json.RawMessage `json:"f:annotations"`
}

func appliedMetadata(entry metav1.ManagedFieldsEntry) appliedKeys {
	var fields struct {
		Metadata appliedKeys `json:"f:metadata"`
	}
	if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return appliedKeys{}
	}
	return fields.Metadata
}

func covered(applied map[string]json.RawMessage, wanted map[string]string) bool {
	for key := range applied {
		name, isField := strings.CutPrefix(key, "f:")
		if _, ok := wanted[name]; isField && !ok {
			return false
		}
	}
	return true
}
