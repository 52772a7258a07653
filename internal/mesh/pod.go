// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/internal/istio"
)

// gatewayTemplate is the injection template of a gateway.
const gatewayTemplate = "gateway"

// HasProxy reports whether a proxy of Istio's is in a Pod: a sidecar, maybe among the init containers, or a gateway.
func HasProxy(pod *corev1.Pod) bool {
	return proxyAmong(pod.Spec.Containers) || proxyAmong(pod.Spec.InitContainers) ||
		pod.Annotations[istio.AnnotationSidecarStatus] != ""
}

// IsGateway reports whether the proxy of a Pod is a gateway: the Pod has no other container, or its proxy was
// injected as one. The patches for sidecars and for gateways each leave the other kind alone.
func IsGateway(pod *corev1.Pod) bool {
	return (len(pod.Spec.Containers) == 1 && proxyAmong(pod.Spec.Containers)) ||
		slices.Contains(strings.Split(pod.Annotations[istio.AnnotationInjectTemplates], ","), gatewayTemplate)
}

// InAmbient reports whether the traffic of a Pod goes through ztunnel, which speaks TLS for it as a sidecar does.
func InAmbient(pod *corev1.Pod) bool {
	return pod.Annotations[istio.AnnotationAmbientRedirection] == "enabled"
}

// RunningProxy returns the status of a Pod's proxy while it runs and can be reached, else nil.
func RunningProxy(pod *corev1.Pod) *corev1.ContainerStatus {
	if s := proxyStatus(pod); s != nil && s.State.Running != nil {
		return s
	}
	return nil
}

// EndedProxy returns the status of a Pod's proxy while it does not run though it did before and was started again, such as
// one that crashes again and again; else nil.
func EndedProxy(pod *corev1.Pod) *corev1.ContainerStatus {
	if s := proxyStatus(pod); s != nil && s.State.Running == nil && s.RestartCount > 0 && !Ends(pod) {
		return s
	}
	return nil
}

// proxyStatus is that of the proxy of a Pod that has an address and is not being deleted, else nil.
func proxyStatus(pod *corev1.Pod) *corev1.ContainerStatus {
	if pod.Status.PodIP == "" || pod.DeletionTimestamp != nil || !HasProxy(pod) {
		return nil
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses} {
		for i := range statuses {
			if statuses[i].Name == istio.ProxyContainer {
				return &statuses[i]
			}
		}
	}
	return nil
}

// LastEnd returns how a proxy ended last, nil when that is not known.
func LastEnd(proxy *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if proxy.State.Terminated != nil {
		return proxy.State.Terminated
	}
	return proxy.LastTerminationState.Terminated
}

// ProxyImage returns the image of a Pod's proxy, as it is named there; "" when it has none.
func ProxyImage(pod *corev1.Pod) string {
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			if containers[i].Name == istio.ProxyContainer {
				return containers[i].Image
			}
		}
	}
	return ""
}

// Ends reports whether a Pod is being deleted or has finished: no proxy in it will take another filter.
func Ends(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func proxyAmong(containers []corev1.Container) bool {
	for i := range containers {
		if containers[i].Name == istio.ProxyContainer {
			return true
		}
	}
	return false
}
