package preflight

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
)

func workloadOf(pod *corev1.Pod) Workload {
	w := Workload{Labels: pod.Labels, Proxied: mesh.HasProxy(pod)}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			if containers[i].Name == istio.ProxyContainer {
				continue
			}
			for _, p := range containers[i].Ports {
				w.Ports = append(w.Ports, WorkloadPort{Name: p.Name, Number: p.ContainerPort})
			}
		}
	}
	return w
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
	return strings.FieldsFunc(s.Annotations[istio.AnnotationExportTo], func(r rune) bool { return r == ',' || r == ' ' })
}

func byName(a, b Service) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// behind notes what is known of the Pods of the module server.
func (s *Server) behind(service *corev1.Service, pods []corev1.Pod, port int32) {
	for i := range pods {
		pod := &pods[i]
		if mesh.Ends(pod) {
			continue
		}
		s.Labels = pod.Labels
		s.Proxied = s.Proxied || mesh.HasProxy(pod) || mesh.InAmbient(pod)
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
