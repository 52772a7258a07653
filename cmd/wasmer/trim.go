package main

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What is kept of the objects of others is what is looked at, so that a cluster's
// Pods take little of wasmer's memory. A transform may be handed what it returned
// before, and things of other types, such as tombstones, which it leaves alone.

// podAnnotations are the prefixes of the annotations that say how a Pod is part of
// the mesh, and where its proxy tells of itself.
var podAnnotations = []string{"sidecar.istio.io/", "inject.istio.io/", "istio.io/", "ambient.istio.io/", "prometheus.io/"}

// serviceAnnotations are those that say who sees a Service.
var serviceAnnotations = []string{"networking.istio.io/"}

func trimPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	return &corev1.Pod{
		TypeMeta:   pod.TypeMeta,
		ObjectMeta: trimMeta(pod.ObjectMeta, podAnnotations),
		Spec: corev1.PodSpec{
			Containers:     trimContainers(pod.Spec.Containers),
			InitContainers: trimContainers(pod.Spec.InitContainers),
		},
		Status: corev1.PodStatus{
			Phase:                 pod.Status.Phase,
			PodIP:                 pod.Status.PodIP,
			PodIPs:                pod.Status.PodIPs,
			Conditions:            pod.Status.Conditions,
			StartTime:             pod.Status.StartTime,
			ContainerStatuses:     trimStatuses(pod.Status.ContainerStatuses),
			InitContainerStatuses: trimStatuses(pod.Status.InitContainerStatuses),
		},
	}, nil
}

func trimService(object any) (any, error) {
	service, ok := object.(*corev1.Service)
	if !ok {
		return object, nil
	}
	return &corev1.Service{
		TypeMeta:   service.TypeMeta,
		ObjectMeta: trimMeta(service.ObjectMeta, serviceAnnotations),
		Spec: corev1.ServiceSpec{
			Type:      service.Spec.Type,
			ClusterIP: service.Spec.ClusterIP,
			Selector:  service.Spec.Selector,
			Ports:     service.Spec.Ports,
		},
	}, nil
}

// trimIstio keeps the given fields of the spec.
func trimIstio(fields ...string) transform {
	return func(object any) (any, error) {
		u, ok := object.(*unstructured.Unstructured)
		if !ok {
			return object, nil
		}
		kept := &unstructured.Unstructured{Object: map[string]any{}}
		kept.SetGroupVersionKind(u.GroupVersionKind())
		kept.SetNamespace(u.GetNamespace())
		kept.SetName(u.GetName())
		kept.SetUID(u.GetUID())
		kept.SetResourceVersion(u.GetResourceVersion())
		kept.SetCreationTimestamp(u.GetCreationTimestamp())
		kept.SetLabels(u.GetLabels())
		kept.Object["spec"] = only(u.Object["spec"], fields)
		return kept, nil
	}
}

func only(spec any, fields []string) map[string]any {
	kept := map[string]any{}
	from, _ := spec.(map[string]any)
	for _, field := range fields {
		if value, ok := from[field]; ok {
			kept[field] = value
		}
	}
	return kept
}

func trimMeta(m metav1.ObjectMeta, annotations []string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:         m.Namespace,
		Name:              m.Name,
		UID:               m.UID,
		ResourceVersion:   m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp,
		DeletionTimestamp: m.DeletionTimestamp,
		Labels:            m.Labels,
		Annotations:       withPrefix(m.Annotations, annotations),
	}
}

// withPrefix is nil when nothing is left.
func withPrefix(annotations map[string]string, prefixes []string) map[string]string {
	var kept map[string]string
	for key, value := range annotations {
		for _, prefix := range prefixes {
			if strings.HasPrefix(key, prefix) {
				if kept == nil {
					kept = map[string]string{}
				}
				kept[key] = value
			}
		}
	}
	return kept
}

func trimContainers(containers []corev1.Container) []corev1.Container {
	var kept []corev1.Container
	for _, c := range containers {
		kept = append(kept, corev1.Container{Name: c.Name, Ports: c.Ports, RestartPolicy: c.RestartPolicy})
	}
	return kept
}

func trimStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for _, s := range statuses {
		state := corev1.ContainerState{Running: s.State.Running}
		kept = append(kept, corev1.ContainerStatus{Name: s.Name, Ready: s.Ready, RestartCount: s.RestartCount, State: state})
	}
	return kept
}
