package preflight

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// proxyContainer is how Istio names the container of a proxy, injected or of a
// gateway.
const proxyContainer = "istio-proxy"

// The annotations that are looked at.
const (
	annotationExportTo = "networking.istio.io/exportTo"
	annotationInjected = "sidecar.istio.io/status"
	annotationAmbient  = "ambient.istio.io/redirection"
)

// lives reports whether a Pod is one that a proxy runs in, or will.
func lives(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func workloadOf(pod *corev1.Pod) Workload {
	w := Workload{Labels: pod.Labels, Proxied: proxied(pod)}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			if containers[i].Name == proxyContainer {
				continue
			}
			for _, p := range containers[i].Ports {
				w.Ports = append(w.Ports, WorkloadPort{Name: p.Name, Number: p.ContainerPort})
			}
		}
	}
	return w
}

func proxied(pod *corev1.Pod) bool {
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			if containers[i].Name == proxyContainer {
				return true
			}
		}
	}
	return pod.Annotations[annotationInjected] != ""
}

func serviceOf(s *corev1.Service) Service {
	out := Service{Kind: kindService, Namespace: s.Namespace, Name: s.Name, Selector: s.Spec.Selector}
	for _, p := range s.Spec.Ports {
		out.Ports = append(out.Ports, ServicePort{
			Name: p.Name, Number: p.Port, Target: p.TargetPort, Protocol: p.Protocol, AppProtocol: p.AppProtocol,
		})
	}
	return out
}

func exportTo(s *corev1.Service) []string {
	return strings.FieldsFunc(s.Annotations[annotationExportTo], func(r rune) bool { return r == ',' || r == ' ' })
}

func byName(a, b Service) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// behind notes what is known of the Pods of the module server.
func (s *Server) behind(service *corev1.Service, pods []corev1.Pod, port int32) {
	for i := range pods {
		pod := &pods[i]
		if !lives(pod) {
			continue
		}
		s.Labels = pod.Labels
		s.Proxied = s.Proxied || proxied(pod) || pod.Annotations[annotationAmbient] == "enabled"
		for _, p := range service.Spec.Ports {
			if p.Port == port {
				s.TargetPort = numberOf(p.TargetPort, workloadOf(pod).Ports, port)
			}
		}
	}
}

func numberOf(target intstr.IntOrString, ports []WorkloadPort, otherwise int32) int32 {
	if target.Type == intstr.Int {
		return cmp.Or(target.IntVal, otherwise)
	}
	for _, p := range ports {
		if p.Name == target.StrVal {
			return p.Number
		}
	}
	return 0
}
