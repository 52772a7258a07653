// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

type checkCase struct {
	name string
	aw   *v1alpha1.AutoWasm
	view View
	want []Finding
}

func runChecks(t *testing.T, tests []checkCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Check(tt.aw, tt.view, options)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range got { // an admission's warnings are cut there
				if n := utf8.RuneCountInString(f.Message); n > 125 {
					t.Errorf("%d characters: %s", n, f.Message)
				}
			}
		})
	}
}

func one(reason v1alpha1.Reason, message string) []Finding {
	return []Finding{{Reason: reason, Message: message}}
}

// early is a finding before anything is deployed.
func early(reason v1alpha1.Reason, message string) []Finding {
	return []Finding{{Reason: reason, Message: message, Early: true}}
}

func TestCheckWorkloads(t *testing.T) {
	everything := autoWasm("", 9080)
	everything.Spec.Selector.MatchLabels = nil
	several := autoWasm("", 9080)
	several.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"version": "v1", "app": "details"}
	meshWide := autoWasm("", 1)
	meshWide.Namespace = "istio-system"
	bare := workload()
	bare.Proxied = false
	runChecks(t, []checkCase{
		{"all is well", autoWasm("", 9080), good(), nil},
		{"no ports are named", autoWasm(""), good(services()), nil},
		{"nothing is selected", autoWasm("", 9081), good(workloads()), early(v1alpha1.ReasonNoPodSelected,
			"app=details matches no pod of namespace shop: correct spec.selector, or deploy what it is to match")},
		{"nothing is selected of what is there", autoWasm("", 9081), good(workloads(), others), one(v1alpha1.ReasonNoPodSelected,
			"app=details matches no pod of namespace shop: correct spec.selector, or deploy what it is to match")},
		{"nothing is selected by two labels", several, good(workloads()), early(v1alpha1.ReasonNoPodSelected,
			"app=details,version=v1 matches no pod of namespace shop: correct spec.selector, or deploy what it is to match")},
		{"nothing is there", everything, good(workloads()), early(v1alpha1.ReasonNoPodSelected,
			"the empty selector matches no pod of namespace shop: correct spec.selector, or deploy what it is to match")},
		{"nothing is selected in the mesh", meshWide, good(workloads()), one(v1alpha1.ReasonNoPodSelected,
			"app=details matches no pod of any namespace: correct spec.selector, or deploy what it is to match")},
		{"the mesh is not looked at further", meshWide, good(services()), nil},
		{"nothing is known", autoWasm("", 9081), View{WorkloadsUnknown: true}, nil},
		{"those looked at have finished, others may not have", autoWasm(""), View{MoreWorkloads: true}, nil},
		{"no sidecar", autoWasm("", 9080), good(workloads(bare)), one(v1alpha1.ReasonNoProxySelected,
			"no pod that app=details matches has a proxy of Istio: enable injection in namespace shop, then restart them")},
		{"one sidecar", autoWasm("", 9080), good(workloads(bare, workload())), nil},
	})
}

func TestCheckInboundPorts(t *testing.T) {
	other := Service{Kind: kindService, Namespace: "shop", Name: "other", Selector: map[string]string{"app": "other"}, Ports: []corev1.ServicePort{port("", 9081, 9081)}}
	entry := service(appProtocol(port("web", 9081, nil), "tcp"))
	entry.Kind = kindServiceEntry
	headless := Service{Kind: kindService, Namespace: "shop", Name: "none", Ports: []corev1.ServicePort{port("", 9081, 9081)}}
	runChecks(t, []checkCase{
		{"the service's port", autoWasm("", 80), good(), one(v1alpha1.ReasonServicePortNotTargetPort,
			"port 80 is that of Service details, which leads to port 9080: write 9080 into applyPorts for context Inbound")},
		{"the service's port with a named target", autoWasm("", 80), good(services(service(port("http", 80, "web")))), one(v1alpha1.ReasonServicePortNotTargetPort,
			"port 80 is that of Service details, which leads to port web: write 9080 into applyPorts for context Inbound")},
		{"a target that pods name otherwise", autoWasm("", 80), good(services(service(port("http", 80, "web"))), workloads(workload(containerPort("web", 9090)), workload(containerPort("web", 9080)))), one(v1alpha1.ReasonServicePortNotTargetPort,
			"port 80 is that of Service details, which leads to port web: write 9080 into applyPorts for context Inbound")},
		{"a target that no pod names", autoWasm("", 80), good(services(service(port("http", 80, "nope")))), one(v1alpha1.ReasonServicePortNotTargetPort,
			"port 80 is that of Service details, which leads to port nope: write its number into applyPorts for context Inbound")},
		{"a named target", autoWasm("", 9080), good(services(service(port("http", 80, "web")))), nil},
		{"no target", autoWasm("", 9080), good(services(service(port("http", 9080, nil)))), nil},
		{"both are the same", autoWasm("", 80), good(services(service(port("http", 80, 80)))), nil},
		{"no such port", autoWasm("", 9081), good(), one(v1alpha1.ReasonPortNotFound,
			"port 9081 is not a target port of a Service for the selected pods: choose of 9080")},
		{"no such port of several", autoWasm("", 1), good(services(service(port("", 80, 9083), port("", 81, 9082), port("", 82, "web")))), one(v1alpha1.ReasonPortNotFound,
			"port 1 is not a target port of a Service for the selected pods: choose of 9080, 9082, 9083")},
		{"no service", autoWasm("", 9081), good(services()), one(v1alpha1.ReasonPortNotFound,
			"port 9081 is not a target port of a Service for the selected pods, there is none: add a Service")},
		{"another's service", autoWasm("", 9081), good(services(other)), one(v1alpha1.ReasonPortNotFound,
			"port 9081 is not a target port of a Service for the selected pods, there is none: add a Service")},
		{"a service without a selector", autoWasm("", 9081), good(services(headless)), one(v1alpha1.ReasonPortNotFound,
			"port 9081 is not a target port of a Service for the selected pods, there is none: add a Service")},
		{"a container's port only", autoWasm("", 9080), good(services()), one(v1alpha1.ReasonPortNotInService,
			"port 9080 is in no Service, so Istio has no listener for it: add targetPort 9080 to a Service of these pods")},
		{"each port, once, in order", autoWasm("", 9082, 9081, 9082, 9080), good(), []Finding{
			{Reason: v1alpha1.ReasonPortNotFound, Message: "port 9081 is not a target port of a Service for the selected pods: choose of 9080"},
			{Reason: v1alpha1.ReasonPortNotFound, Message: "port 9082 is not a target port of a Service for the selected pods: choose of 9080"},
		}},
		{"services are unknown", autoWasm("", 9081), good(func(v *View) { v.ServicesUnknown = true }), nil},
		{"more pods than looked at", autoWasm("", 9081), good(func(v *View) { v.MoreWorkloads = true }), nil},
		{"pods are unknown", autoWasm("", 9081), good(workloads(), func(v *View) { v.WorkloadsUnknown = true }), nil},
		{"a Sidecar's own port", autoWasm("", 9081), good(sidecars(Sidecar{Namespace: "shop", Name: "s", Ingress: []int32{9081}})), nil},
		{"TCP", autoWasm("", 9080), good(services(service(port("tcp-db", 80, 9080)))), one(v1alpha1.ReasonPortNotHTTP,
			"port 9080 (tcp-db) is not HTTP to Istio, by Service details: name its port http-… or set appProtocol: http")},
		{"UDP", autoWasm("", 9080), good(services(service(udp(port("", 80, 9080))))), one(v1alpha1.ReasonPortNotHTTP,
			"port 9080 (TCP) is not HTTP to Istio, by Service details: name its port http-… or set appProtocol: http")},
		{"HTTP by one of two", autoWasm("", 9080), good(services(service(port("tcp", 81, 9080), port("http", 80, 9080)))), nil},
		{"a ServiceEntry", autoWasm("", 9081), good(services(entry)), one(v1alpha1.ReasonPortNotHTTP,
			"port 9081 (tcp) is not HTTP to Istio, by ServiceEntry details: set the protocol of its port to HTTP")},
	})
}

func TestCheckGatewayPorts(t *testing.T) {
	gateway := good(services(service(port("tcp-anything", 80, 8080))))
	runChecks(t, []checkCase{
		{"the target port, whatever its protocol", autoWasm(v1alpha1.Gateway, 8080), gateway, nil},
		{"the service's port", autoWasm(v1alpha1.Gateway, 80), gateway, one(v1alpha1.ReasonServicePortNotTargetPort,
			"port 80 is that of Service details, which leads to port 8080: write 8080 into applyPorts for context Gateway")},
		{"no such port", autoWasm(v1alpha1.Gateway, 81), gateway, one(v1alpha1.ReasonPortNotFound,
			"port 81 is not a target port of a Service for the selected pods: choose of 8080")},
		{"a container's port", autoWasm(v1alpha1.Gateway, 9080), gateway, nil},
		{"no Sidecar counts", autoWasm(v1alpha1.Gateway), good(sidecars(Sidecar{Namespace: "shop", Egress: []Egress{{Hosts: []string{"./*"}}}})), nil},
	})
}

func TestCheckOutboundPorts(t *testing.T) {
	far := Service{Kind: kindService, Namespace: "bank", Name: "ledger", Ports: []corev1.ServicePort{port("http", 8000, 9090), port("mysql", 3306, nil)}}
	near := Service{Kind: kindService, Namespace: "shop", Name: "books", Ports: []corev1.ServicePort{port("tcp-db", 3306, nil)}}
	view := good(services(far))
	runChecks(t, []checkCase{
		{"a service's port", autoWasm(v1alpha1.Outbound, 8000), view, nil},
		{"its target port", autoWasm(v1alpha1.Outbound, 9090), view, one(v1alpha1.ReasonTargetPortNotServicePort,
			"port 9090 is a target port of another namespace's Service: write its own port 8000 into applyPorts for context Outbound")},
		{"no Service's port", autoWasm(v1alpha1.Outbound, 1), view, one(v1alpha1.ReasonPortNotFound,
			"port 1 is not the port of any Service: context Outbound means the port that is called")},
		{"not HTTP", autoWasm(v1alpha1.Outbound, 3306), view, one(v1alpha1.ReasonPortNotHTTP,
			"port 3306 is not HTTP to Istio, by another namespace's Service: name its port http-… or set appProtocol: http")},
		{"not HTTP, one of its own too", autoWasm(v1alpha1.Outbound, 3306), good(services(far, near)), one(v1alpha1.ReasonPortNotHTTP,
			"port 3306 (tcp-db) is not HTTP to Istio, by Service books: name its port http-… or set appProtocol: http")},
		{"services are unknown", autoWasm(v1alpha1.Outbound, 1), good(func(v *View) { v.ServicesUnknown = true }), nil},
		{"a Sidecar's own port", autoWasm(v1alpha1.Outbound, 1), good(sidecars(Sidecar{Namespace: "shop", Egress: []Egress{{Hosts: []string{"*/*"}}, {Port: 1}}})), nil},
	})
}

// TestProtocols are Istio's, of its ConvertProtocol.
func TestProtocols(t *testing.T) {
	for _, name := range []string{"", "http", "http-web", "HTTP-web", "http2", "grpc", "grpc-web", "grpc-web-x", "http_proxy", "web", "httpx", "tcpx", "thrift-a", "postgres"} {
		if !mayBeHTTP(port(name, 9080, nil)) {
			t.Errorf("name %q may not be HTTP", name)
		}
	}
	for _, name := range []string{"tcp", "tcp-http", "TLS-x", "https", "https-web", "mongo", "mysql-db", "redis", "udp-x"} {
		if mayBeHTTP(port(name, 9080, nil)) {
			t.Errorf("name %q may be HTTP", name)
		}
	}
	for protocol, want := range map[string]bool{
		"http": true, "kubernetes.io/h2c": true, "kubernetes.io/ws": true, "kubernetes.io/wss": false, "tcp": false, "https": false, "example.com/x": true, "": true,
	} {
		if got := mayBeHTTP(appProtocol(port("tcp", 9080, nil), protocol)); got != want {
			t.Errorf("appProtocol %q: %t, want %t", protocol, got, want)
		}
	}
	for _, number := range []int32{25, 53, 3306, 27017} {
		if mayBeHTTP(port("", number, nil)) || !mayBeHTTP(port("http", number, nil)) {
			t.Errorf("port %d is looked into, or never HTTP", number)
		}
	}
}

// TestCheckIsDeterministic: the order of what is listed from a cache is any.
func TestCheckIsDeterministic(t *testing.T) {
	view := good(
		workloads(workload(containerPort("a", 1)), Workload{Labels: map[string]string{"app": "details", "v": "2"}, Proxied: true}),
		sidecars(
			Sidecar{Namespace: "shop", Name: "b", Selector: map[string]string{"v": "2"}, Egress: []Egress{{Hosts: []string{"./*"}}}},
			Sidecar{Namespace: "shop", Name: "a", Egress: []Egress{{Hosts: []string{"./*"}}}},
		))
	want := Check(autoWasm("", 7, 8), view, options)
	if len(want) != 4 {
		t.Fatalf("findings: %v", want)
	}
	slices.Reverse(view.Workloads)
	if diff := cmp.Diff(want, Check(autoWasm("", 8, 7), view, options)); diff != "" {
		t.Error(diff)
	}
}
