// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

func TestTrimService(t *testing.T) {
	want := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details", Annotations: map[string]string{"networking.istio.io/exportTo": "."}},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "details"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	full := want.DeepCopy()
	full.Annotations["example.com/note"] = "long"
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	full.Spec.Type, full.Spec.ClusterIP = corev1.ServiceTypeClusterIP, "10.0.0.2"
	full.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "1.2.3.4"}}
	if diff := cmp.Diff(any(want), trimmed(t, trimService, full)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTrimSpec(t *testing.T) {
	full := map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
		"metadata": map[string]any{"namespace": "shop", "name": "default", "uid": "u", "resourceVersion": "7", "generation": int64(3), "annotations": map[string]any{"a": "b"}},
		"spec":     map[string]any{"egress": []any{"x"}, "ingress": []any{"y"}},
		"status":   map[string]any{"conditions": []any{}},
	}
	want := map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
		"metadata": map[string]any{"namespace": "shop", "name": "default", "uid": "u", "resourceVersion": "7"},
		"spec":     map[string]any{"egress": []any{"x"}},
	}
	got := trimmed(t, trimSpec("egress", "workloadSelector"), &unstructured.Unstructured{Object: full})
	if diff := cmp.Diff(any(&unstructured.Unstructured{Object: want}), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTrimLeavesOthersAlone: an informer hands its transform more than objects.
func TestTrimLeavesOthersAlone(t *testing.T) {
	tombstone := cache.DeletedFinalStateUnknown{Key: "shop/details"}
	for kind, trim := range transforms {
		if diff := cmp.Diff(any(tombstone), trimmed(t, trim, tombstone)); diff != "" {
			t.Errorf("%s:\n%s", kind, diff)
		}
	}
}

func trimmed(t *testing.T, trim cache.TransformFunc, object any) any {
	t.Helper()
	got, err := trim(object)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
