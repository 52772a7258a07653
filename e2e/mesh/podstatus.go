// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The containers of a Pod, as manifests/ name them.
const (
	appContainer   = "app"
	proxyContainer = "istio-proxy"
)

// podState is what a kubelet would see of a Pod.
type podState struct {
	since metav1.Time // of the Pod, and of its application
	app   bool        // whether it has one

	proxySince metav1.Time // of the proxy's last container; zero before the first
	restarts   int32       // of the proxy's container
	ended      metav1.Time // when its container ended before the last restart
	running    bool        // whether the proxy is
	ready      bool        // whether the proxy is
	changed    metav1.Time // when running or ready did
}

// restarted is the state after a start of the proxy.
func (s podState) restarted(now metav1.Time) podState {
	if !s.proxySince.IsZero() {
		s.restarts++
		if s.ended = now; !s.running {
			s.ended = s.changed
		}
	}
	s.proxySince, s.changed, s.running, s.ready = now, now, true, false
	return s
}

// status is what a kubelet would write. A Pod is pending until each of its containers has run.
func (s podState) status(address string) corev1.PodStatus {
	status := corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &s.since, Conditions: s.conditions(),
		PodIP: address, PodIPs: []corev1.PodIP{{IP: address}},
	}
	if s.proxySince.IsZero() {
		status.Phase = corev1.PodPending
	}
	if s.app {
		status.ContainerStatuses = append(status.ContainerStatuses, s.application())
	}
	status.ContainerStatuses = append(status.ContainerStatuses, s.proxy())
	return status
}

func (s podState) conditions() []corev1.PodCondition {
	of := func(kind corev1.PodConditionType, value bool, since metav1.Time) corev1.PodCondition {
		c := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, LastTransitionTime: since}
		if value {
			c.Status = corev1.ConditionTrue
		}
		return c
	}
	changed := s.changed
	if changed.IsZero() {
		changed = s.since
	}
	return []corev1.PodCondition{
		of(corev1.PodInitialized, true, s.since),
		of(corev1.ContainersReady, s.ready, changed),
		of(corev1.PodReady, s.ready, changed),
	}
}

func (s podState) application() corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: appContainer, Image: "app", Ready: true, Started: new(true),
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: s.since}},
	}
}

func (s podState) proxy() corev1.ContainerStatus {
	status := corev1.ContainerStatus{
		Name: proxyContainer, Image: "envoy", Ready: s.ready, Started: &s.running, RestartCount: s.restarts,
	}
	if s.restarts > 0 {
		status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "Completed", FinishedAt: s.ended}
	}
	switch {
	case s.proxySince.IsZero():
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	case s.running:
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: s.proxySince}
	default:
		status.State.Terminated = &corev1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: s.proxySince, FinishedAt: s.changed,
		}
	}
	return status
}
