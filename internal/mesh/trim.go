// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/internal/istio"
)

// TrimPod is the cache's transform for Pods: it returns a Pod with only what is read of it, and shares with other Pods
// what is the same in all of a template. As an informer may hand it anything, such as a tombstone or what it returned
// before, it leaves alone what is not a Pod.
func TrimPod(object any) (any, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		return trimPod(pod), nil
	}
	return object, nil
}

func trimPod(pod *corev1.Pod) *corev1.Pod {
	trimmed := &corev1.Pod{
		TypeMeta:   pod.TypeMeta,
		ObjectMeta: TrimMeta(pod.ObjectMeta, istio.AnnotationInjectTemplates, istio.AnnotationAmbientRedirection),
		Spec: corev1.PodSpec{
			Containers:     trimContainers(pod.Spec.Containers),
			InitContainers: trimContainers(pod.Spec.InitContainers),
		},
		Status: corev1.PodStatus{
			Phase:                 pod.Status.Phase,
			PodIP:                 pod.Status.PodIP,
			ContainerStatuses:     trimStatuses(pod.Status.ContainerStatuses),
			InitContainerStatuses: trimStatuses(pod.Status.InitContainerStatuses),
		},
	}
	if HasProxy(pod) && !HasProxy(trimmed) {
		metav1.SetMetaDataAnnotation(&trimmed.ObjectMeta, istio.AnnotationSidecarStatus, injected)
	}
	trimmed.Labels = sharedLabels.of(trimmed.Labels)
	return trimmed
}

// injected is kept of the annotation that a Pod was injected with a proxy, where the containers do not show it.
const injected = "{}"

// TrimMeta returns what identifies an object, its labels, and the annotations of the given names.
func TrimMeta(m metav1.ObjectMeta, annotations ...string) metav1.ObjectMeta {
	kept := metav1.ObjectMeta{
		Namespace:         m.Namespace,
		Name:              m.Name,
		UID:               m.UID,
		ResourceVersion:   m.ResourceVersion,
		DeletionTimestamp: m.DeletionTimestamp,
		Labels:            m.Labels,
	}
	for _, name := range annotations {
		if value, ok := m.Annotations[name]; ok {
			metav1.SetMetaDataAnnotation(&kept, name, value)
		}
	}
	return kept
}

// trimContainers keeps the proxy with its image, and one for all others with their ports: that there are others says
// that the Pod is no gateway.
func trimContainers(containers []corev1.Container) []corev1.Container {
	kept := make([]corev1.Container, 0, 2)
	others := -1
	for i := range containers {
		c := &containers[i]
		switch {
		case c.Name == istio.ProxyContainer:
			kept = append(kept, corev1.Container{Name: c.Name, Image: c.Image})
		case others < 0:
			others = len(kept)
			kept = append(kept, corev1.Container{Name: c.Name, Ports: c.Ports})
		default:
			kept[others].Ports = append(slices.Clip(kept[others].Ports), c.Ports...)
		}
	}
	return sharedContainers.of(kept)
}

// trimStatuses keeps since when the proxy runs, whether it is ready, how often it was restarted and how it ended last.
func trimStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for i := range statuses {
		if s := &statuses[i]; s.Name == istio.ProxyContainer {
			kept = append(kept, corev1.ContainerStatus{
				Name: s.Name, RestartCount: s.RestartCount, Ready: s.Ready,
				State:                corev1.ContainerState{Running: s.State.Running, Terminated: trimEnd(s.State.Terminated)},
				LastTerminationState: corev1.ContainerState{Terminated: trimEnd(s.LastTerminationState.Terminated)},
			})
		}
	}
	return kept
}

func trimEnd(end *corev1.ContainerStateTerminated) *corev1.ContainerStateTerminated {
	if end == nil {
		return nil
	}
	return &corev1.ContainerStateTerminated{ExitCode: end.ExitCode, Reason: end.Reason, FinishedAt: end.FinishedAt}
}
