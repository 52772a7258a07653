package mesh

import (
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/internal/istio"
)

// podAnnotations are the annotations of a Pod that are read.
var podAnnotations = []string{istio.AnnotationSidecarStatus, istio.AnnotationInjectTemplates, istio.AnnotationAmbientRedirection}

// TrimPod is the cache's transform for Pods: it returns a Pod with only what is read of it. As an informer may hand
// it anything, such as a tombstone or what it returned before, it leaves alone what is not a Pod.
func TrimPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	return &corev1.Pod{
		TypeMeta:   pod.TypeMeta,
		ObjectMeta: TrimMeta(pod.ObjectMeta, podAnnotations...),
		Spec: corev1.PodSpec{
			Containers:     trimContainers(pod.Spec.Containers),
			InitContainers: trimContainers(pod.Spec.InitContainers),
		},
		Status: corev1.PodStatus{
			Phase:                 pod.Status.Phase,
			PodIP:                 pod.Status.PodIP,
			ContainerStatuses:     proxyStatus(pod.Status.ContainerStatuses),
			InitContainerStatuses: proxyStatus(pod.Status.InitContainerStatuses),
		},
	}, nil
}

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

// trimContainers keeps the names and the ports, and of the proxy its image, of which there are few.
func trimContainers(containers []corev1.Container) []corev1.Container {
	var kept []corev1.Container
	for i := range containers {
		c := corev1.Container{Name: containers[i].Name, Ports: containers[i].Ports}
		if c.Name == istio.ProxyContainer {
			c.Image = unique.Make(containers[i].Image).Value()
		}
		kept = append(kept, c)
	}
	return kept
}

// proxyStatus keeps since when the proxy runs, whether it is ready, and how often it was restarted.
func proxyStatus(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for i := range statuses {
		if s := &statuses[i]; s.Name == istio.ProxyContainer {
			kept = append(kept, corev1.ContainerStatus{
				Name: s.Name, RestartCount: s.RestartCount, Ready: s.Ready, State: corev1.ContainerState{Running: s.State.Running},
			})
		}
	}
	return kept
}
