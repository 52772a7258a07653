// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/internal/mesh"
)

// A View is what Check goes by: what the cluster has that concerns one AutoWasm.
type View struct {
	// Workloads that are selected; nothing is known of them when WorkloadsUnknown.
	Workloads        []Workload
	WorkloadsUnknown bool
	// MoreWorkloads than are read: what the others have is not known.
	MoreWorkloads bool
	// OtherWorkloads are in the namespace, where none is selected.
	OtherWorkloads bool

	// Untested are the selected proxies that are known to be outside of the tested range, by their Pods' names.
	Untested []Proxy

	// Services that can lead to a selected workload, or, for the context Outbound, that proxies may call; there may be
	// others when ServicesUnknown.
	Services        []Service
	ServicesUnknown bool

	// Sidecars of the AutoWasm's namespace and of the root namespace, in the order in which Istio takes the first
	// that fits: those with a selector, the oldest first.
	Sidecars []Sidecar
	// Server is the module server; nil when there is nothing to know of it.
	Server *Server
	// DestinationRules that concern the module server, the oldest first.
	DestinationRules []DestinationRule
	// PeerAuthentications that concern the module server, the oldest first.
	PeerAuthentications []PeerAuthentication
}

// A Workload is a Pod or a WorkloadEntry.
type Workload struct {
	Labels map[string]string
	// Ports that it declares, which need not be all that it has.
	Ports []corev1.ContainerPort
	// Proxied is true when there is a proxy of Istio's beside it.
	Proxied bool
}

// A Service is a Service or a ServiceEntry.
type Service struct {
	Kind, Namespace, Name string
	Selector              map[string]string
	Ports                 []corev1.ServicePort // TargetPort is Port when it is zero, Protocol TCP when it is ""
}

// A Sidecar is Istio's configuration of some proxies.
type Sidecar struct {
	Namespace, Name string
	// Selector is nil when the Sidecar is for all workloads of its namespace.
	Selector map[string]string
	Egress   []Egress
	// Ingress are the ports that the proxies listen on in place of those of Services.
	Ingress []int32
}

// Egress is a listener for what goes out.
type Egress struct {
	// Port is 0 when it is for all ports.
	Port int32
	// Proxy is true when the listener is an HTTP proxy, for whatever port.
	Proxy bool
	Hosts []string
}

// A Server is the module server's Service, and the Pods behind it.
type Server struct {
	// ExportTo are the namespaces that see it; all when it is empty.
	ExportTo []string
	// TargetPort of the port that modules are loaded from, 0 when it is not known.
	TargetPort int32
	// Labels of one of its Pods; nil when none is known.
	Labels map[string]string
	// Proxied is true when one of the Pods has a proxy.
	Proxied bool
}

// A DestinationRule says how proxies call a host.
type DestinationRule struct {
	Namespace, Name string
	// Host is in full.
	Host     string
	ExportTo []string
	// Selector is nil when the rule is for all workloads.
	Selector map[string]string
	// Mode of TLS to the port that modules are loaded from: DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL; "" when not set.
	Mode string
}

// A PeerAuthentication says what proxies accept.
type PeerAuthentication struct {
	Namespace, Name string
	// Selector is nil when it is for all workloads.
	Selector map[string]string
	// Mode is STRICT, PERMISSIVE or DISABLE; "" when it is left to a wider one.
	Mode string
	// Ports are the modes of some ports.
	Ports map[int32]string
}

func workloadOf(pod *corev1.Pod) Workload {
	w := Workload{Labels: pod.Labels, Proxied: mesh.HasProxy(pod)}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for i := range containers {
			if containers[i].Name != istio.ProxyContainer {
				w.Ports = append(w.Ports, containers[i].Ports...)
			}
		}
	}
	return w
}

func serviceOf(s *corev1.Service) Service {
	return Service{Kind: kindService, Namespace: s.Namespace, Name: s.Name, Selector: s.Spec.Selector, Ports: s.Spec.Ports}
}

func exportTo(s *corev1.Service) []string {
	return strings.FieldsFunc(s.Annotations[istio.AnnotationExportTo], func(r rune) bool { return r == ',' || r == ' ' })
}

func byName(a, b Service) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// addPods adds what is known of the Pods of the module server.
func (s *Server) addPods(service *corev1.Service, pods []corev1.Pod, port int32) {
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

func numberOf(target intstr.IntOrString, ports []corev1.ContainerPort, otherwise int32) int32 {
	if target.Type == intstr.Int {
		return cmp.Or(target.IntVal, otherwise)
	}
	for _, p := range ports {
		if p.Name == target.StrVal {
			return p.ContainerPort
		}
	}
	return 0
}
