package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"
)

var trimmedAt = metav1.NewTime(time.Unix(1_700_000_000, 0))

// fullPod is what an API server sends, and want what is kept of it.
func fullPod() (full, want *corev1.Pod) {
	always, ports := corev1.ContainerRestartPolicyAlways, []corev1.ContainerPort{{Name: "http", ContainerPort: 9080}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: trimmedAt}}
	want = &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "details-1", UID: "uid", ResourceVersion: "7",
			CreationTimestamp: trimmedAt, DeletionTimestamp: &trimmedAt,
			Labels: map[string]string{"app": "details"},
			Annotations: map[string]string{
				"sidecar.istio.io/status": "{}", "inject.istio.io/templates": "a", "istio.io/rev": "b",
				"ambient.istio.io/redirection": "c", "prometheus.io/port": "15020",
			},
		},
		Spec: corev1.PodSpec{
			Containers:     []corev1.Container{{Name: "app", Ports: ports}},
			InitContainers: []corev1.Container{{Name: "istio-proxy", RestartPolicy: &always, Ports: ports}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}}, StartTime: &trimmedAt,
			Conditions:            []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses:     []corev1.ContainerStatus{{Name: "app", Ready: true, State: running}},
			InitContainerStatuses: []corev1.ContainerStatus{{Name: "istio-proxy", RestartCount: 3}},
		},
	}
	full = want.DeepCopy()
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	full.OwnerReferences = []metav1.OwnerReference{{Name: "owner"}}
	full.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
	full.Spec.NodeName, full.Spec.Volumes = "node", []corev1.Volume{{Name: "v"}}
	full.Spec.Containers[0].Env, full.Spec.Containers[0].Image = []corev1.EnvVar{{Name: "SECRET", Value: "s"}}, "image"
	full.Status.HostIP, full.Status.ContainerStatuses[0].ImageID = "10.1.0.1", "id"
	full.Status.InitContainerStatuses[0].State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
	return full, want
}

func TestTrimPod(t *testing.T) {
	full, want := fullPod()
	once := trimmed(t, trimPod, full)
	if diff := cmp.Diff(any(want), once); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(once, trimmed(t, trimPod, once)); diff != "" {
		t.Errorf("trimmed twice:\n%s", diff)
	}
}

func TestTrimService(t *testing.T) {
	want := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "details", Annotations: map[string]string{"networking.istio.io/exportTo": "."}},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIP: "10.0.0.2", Selector: map[string]string{"app": "details"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	full := want.DeepCopy()
	full.Annotations["example.com/note"] = "long"
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	full.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "1.2.3.4"}}
	if diff := cmp.Diff(any(want), trimmed(t, trimService, full)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTrimIstio(t *testing.T) {
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
	got := trimmed(t, trimIstio("egress", "workloadSelector"), &unstructured.Unstructured{Object: full})
	if diff := cmp.Diff(any(&unstructured.Unstructured{Object: want}), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTrimLeavesOthersAlone: an informer hands its transform more than objects.
func TestTrimLeavesOthersAlone(t *testing.T) {
	tombstone := cache.DeletedFinalStateUnknown{Key: "shop/details"}
	for kind, trim := range observable {
		if diff := cmp.Diff(any(tombstone), trimmed(t, trim, tombstone)); diff != "" {
			t.Errorf("%s:\n%s", kind, diff)
		}
	}
}

func trimmed(t *testing.T, trim transform, object any) any {
	t.Helper()
	got, err := trim(object)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
