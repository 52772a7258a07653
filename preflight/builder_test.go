// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

const wasmerHost = "wasmer.istio-system.svc.cluster.local"

var options = Options{RootNamespace: "istio-system", Host: wasmerHost, Port: 8081}

// autoWasm is one for app=details in namespace shop.
func autoWasm(context v1alpha1.Context, ports ...v1alpha1.Port) *v1alpha1.AutoWasm {
	return &v1alpha1.AutoWasm{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "test"},
		Spec: v1alpha1.AutoWasmSpec{
			Selector: v1alpha1.WorkloadSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "details"}},
			Filter:   v1alpha1.Filter{Context: context, ApplyPorts: ports},
		},
	}
}

var details = map[string]string{"app": "details"}

func workload(ports ...corev1.ContainerPort) Workload {
	return Workload{Labels: details, Ports: ports, Proxied: true}
}

// service is details, with ports.
func service(ports ...corev1.ServicePort) Service {
	return Service{Kind: kindService, Namespace: "shop", Name: "details", Selector: details, Ports: ports}
}

func port(name string, number int32, target any) corev1.ServicePort {
	p := corev1.ServicePort{Name: name, Port: number}
	switch target := target.(type) {
	case int:
		p.TargetPort = intstr.FromInt(target)
	case string:
		p.TargetPort = intstr.FromString(target)
	}
	return p
}

func appProtocol(p corev1.ServicePort, protocol string) corev1.ServicePort {
	p.AppProtocol = &protocol
	return p
}

func udp(p corev1.ServicePort) corev1.ServicePort {
	p.Protocol = corev1.ProtocolUDP
	return p
}

// good is a view in which nothing is wrong: port 80 leads to 9080.
func good(changes ...func(*View)) View {
	v := View{
		Workloads: []Workload{workload(containerPort("web", 9080))},
		Services:  []Service{service(port("http", 80, 9080))},
		Server:    &Server{TargetPort: 8081, Labels: map[string]string{"app": "wasmer"}},
	}
	for _, change := range changes {
		change(&v)
	}
	return v
}

func services(all ...Service) func(*View) { return func(v *View) { v.Services = all } }
func sidecars(all ...Sidecar) func(*View) { return func(v *View) { v.Sidecars = all } }
func rules(all ...DestinationRule) func(*View) {
	return func(v *View) { v.DestinationRules = all }
}
func policies(all ...PeerAuthentication) func(*View) {
	return func(v *View) { v.PeerAuthentications = all }
}
func workloads(all ...Workload) func(*View) { return func(v *View) { v.Workloads = all } }
func others(v *View)                        { v.OtherWorkloads = true }
func proxiedServer(v *View)                 { v.Server.Proxied = true }

func labelValues(labels map[string]string) map[string]v1alpha1.LabelValue {
	values := map[string]v1alpha1.LabelValue{}
	for key, value := range labels {
		values[key] = v1alpha1.LabelValue(value)
	}
	return values
}

func containerPort(name string, number int32) corev1.ContainerPort {
	return corev1.ContainerPort{Name: name, ContainerPort: number}
}
