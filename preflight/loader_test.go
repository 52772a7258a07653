// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// everyKind are all kinds that a Loader reads.
func everyKind() *Kinds {
	var found []schema.GroupVersionKind
	for _, kind := range []schema.GroupKind{Pods, Services, ServiceEntries, WorkloadEntries, Sidecars, DestinationRules, PeerAuthentications} {
		found = append(found, kind.WithVersion("v1"))
	}
	return NewKinds(found...)
}

// loader reads objects of a cluster, given in YAML.
func loader(t testing.TB, kinds *Kinds, manifests ...string) *Loader {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, gvk := range everyKind().all() {
		if gvk.Group != "" {
			scheme.AddKnownTypeWithName(gvk, &unstructured.Unstructured{})
			scheme.AddKnownTypeWithName(gvk.GroupVersion().WithKind(gvk.Kind+"List"), &unstructured.UnstructuredList{})
		}
	}
	builder := fake.NewClientBuilder().WithScheme(scheme)
	for _, manifest := range manifests {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
			t.Fatal(err)
		}
		builder = builder.WithObjects(object)
	}
	return &Loader{Reader: builder.Build(), Kinds: kinds, Options: options}
}

const (
	detailsPod = `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: details-1, labels: {app: details}},
		spec: {initContainers: [{name: istio-proxy, ports: [{containerPort: 15090}]}], containers: [{name: app, ports: [{name: web, containerPort: 9080}]}]}}`
	finishedPod = `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: done, labels: {app: details}}, status: {phase: Succeeded}}`
	failedPod   = `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: lost, labels: {app: details}}, status: {phase: Failed}}`
	leavingPod  = `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: leaving, labels: {app: details}, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: [a/b]}}`
	otherPod    = `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: other, labels: {app: other}}}`
	farPod      = `{apiVersion: v1, kind: Pod, metadata: {namespace: bank, name: details, labels: {app: details}}}`
	detailsVM   = `{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {namespace: shop, name: vm}, spec: {labels: {app: details}, ports: {web: 9090}}}`

	detailsService = `{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: details}, spec: {selector: {app: details}, ports: [{name: http, port: 80, targetPort: web}]}}`
	farService     = `{apiVersion: v1, kind: Service, metadata: {namespace: bank, name: ledger}, spec: {ports: [{port: 8000, targetPort: 9000, appProtocol: http}]}}`
	hiddenService  = `{apiVersion: v1, kind: Service, metadata: {namespace: bank, name: vault, annotations: {networking.istio.io/exportTo: "."}}, spec: {ports: [{port: 8001}]}}`
	detailsEntry   = `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {namespace: shop, name: vms},
		spec: {workloadSelector: {labels: {app: details}}, ports: [{number: 81, name: web, protocol: HTTP, targetPort: 9090}]}}`

	wasmerService = `{apiVersion: v1, kind: Service, metadata: {namespace: istio-system, name: wasmer, annotations: {networking.istio.io/exportTo: "shop, bank"}},
		spec: {selector: {app: wasmer}, ports: [{port: 8081, targetPort: http-modules}]}}`
	wasmerPod = `{apiVersion: v1, kind: Pod, metadata: {namespace: istio-system, name: wasmer-1, labels: {app: wasmer, hash: x}},
		spec: {containers: [{name: wasmer, ports: [{name: http-modules, containerPort: 18081}]}]}}`
)

const proxiedWasmerPod = `{apiVersion: v1, kind: Pod, metadata: {namespace: istio-system, name: wasmer-2, labels: {app: wasmer}},
	spec: {containers: [{name: wasmer}, {name: istio-proxy}]}}`

func TestLoadWorkloads(t *testing.T) {
	l := loader(t, everyKind(), detailsPod, finishedPod, failedPod, leavingPod, otherPod, farPod, detailsVM)
	want := View{Workloads: []Workload{
		{Labels: details, Ports: []corev1.ContainerPort{containerPort("web", 9080)}, Proxied: true},
		{Labels: details, Ports: []corev1.ContainerPort{containerPort("web", 9090)}, Proxied: true},
	}}
	requireView(t, l, autoWasm(""), want)
	meshWide := autoWasm("")
	meshWide.Namespace = "istio-system"
	got, err := l.Load(t.Context(), meshWide)
	if err != nil || len(got.Workloads) != 3 {
		t.Errorf("in the mesh: %v, %v, want those of bank, too", got.Workloads, err)
	}
}

// TestLoadOtherWorkloads: what has finished, or is elsewhere, is not deployed here.
func TestLoadOtherWorkloads(t *testing.T) {
	const otherVM = `{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {namespace: shop, name: vm}, spec: {labels: {app: other}}}`
	requireView(t, loader(t, everyKind(), finishedPod, failedPod, leavingPod, farPod), autoWasm(""), View{})
	requireView(t, loader(t, everyKind(), finishedPod, otherPod), autoWasm(""), View{OtherWorkloads: true})
	requireView(t, loader(t, everyKind(), otherVM), autoWasm(""), View{OtherWorkloads: true})
}

func TestLoadServices(t *testing.T) {
	pod := workload(containerPort("web", 9080))
	near := Service{Kind: kindService, Namespace: "shop", Name: "details", Selector: details, Ports: []corev1.ServicePort{port("http", 80, "web")}}
	entry := Service{Kind: kindServiceEntry, Namespace: "shop", Name: "vms", Selector: details, Ports: []corev1.ServicePort{appProtocol(port("web", 81, 9090), "http")}}
	far := Service{Kind: kindService, Namespace: "bank", Name: "ledger", Ports: []corev1.ServicePort{appProtocol(port("", 8000, 9000), "http")}}
	const other = `{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: other}, spec: {selector: {app: details, v: "2"}, ports: [{port: 80}]}}`
	l := loader(t, everyKind(), detailsPod, detailsService, other, farService, hiddenService, detailsEntry)
	for context, want := range map[v1alpha1.Context][]Service{"": {near, entry}, v1alpha1.Gateway: {near, entry}} {
		requireView(t, l, autoWasm(context, 9080), View{Workloads: []Workload{pod}, Services: want})
	}
	second := Service{Kind: kindService, Namespace: "shop", Name: "other", Selector: map[string]string{"app": "details", "v": "2"}, Ports: []corev1.ServicePort{port("", 80, nil)}}
	requireView(t, l, autoWasm(v1alpha1.Outbound, 9080), View{Workloads: []Workload{pod}, Services: []Service{far, near, second, entry}})
	requireView(t, l, autoWasm(""), View{Workloads: []Workload{pod}})
}

func TestLoadServer(t *testing.T) {
	server := Server{ExportTo: []string{"shop", "bank"}, TargetPort: 18081, Labels: map[string]string{"app": "wasmer", "hash": "x"}}
	requireView(t, loader(t, everyKind(), wasmerService, wasmerPod), autoWasm(""), View{Server: &server})
	unknown := Server{ExportTo: server.ExportTo}
	requireView(t, loader(t, everyKind(), wasmerService), autoWasm(""), View{Server: &unknown})
	requireView(t, loader(t, everyKind(), wasmerPod), autoWasm(""), View{})
}

func TestLoadIstio(t *testing.T) {
	const meta = `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {namespace: %s, name: %s, creationTimestamp: "2026-01-0%dT00:00:00Z"}, spec: %s}`
	l := loader(t, everyKind(),
		fmt.Sprintf(meta, "shop", "default", 1, `{egress: [{hosts: ["./*"]}, {port: {number: 80, protocol: HTTP_PROXY}, hosts: ["*/*"]}]}`),
		fmt.Sprintf(meta, "shop", "younger", 3, `{workloadSelector: {labels: {app: details}}, ingress: [{port: {number: 9080}}]}`),
		fmt.Sprintf(meta, "shop", "older", 2, `{workloadSelector: {labels: {app: details}}, egress: nonsense}`),
		fmt.Sprintf(meta, "istio-system", "root", 1, `{}`),
		fmt.Sprintf(meta, "bank", "default", 1, `{}`),
		`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {namespace: istio-system, name: wasmer}, spec: {host: wasmer, exportTo: ["*"], trafficPolicy: {tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 8081}, tls: {}}]}}}`,
		`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {namespace: shop, name: all}, spec: {host: "*.local", workloadSelector: {matchLabels: {app: details}}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}, portLevelSettings: [{port: {number: 1}}]}}}`,
		`{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {namespace: bank, name: all}, spec: {host: "*.local"}}`,
		`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: istio-system, name: mesh}, spec: {selector: {matchLabels: {app: wasmer}}, mtls: {mode: STRICT}, portLevelMtls: {8081: {mode: UNSET}, "8080": {mode: DISABLE}}}}`,
		`{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: shop, name: default}, spec: {}}`,
	)
	requireView(t, l, autoWasm(""), View{
		Sidecars: []Sidecar{
			{Namespace: "shop", Name: "older", Selector: details},
			{Namespace: "shop", Name: "younger", Selector: details, Ingress: []int32{9080}},
			{Namespace: "shop", Name: "default", Egress: []Egress{{Hosts: []string{"./*"}}, {Port: 80, Proxy: true, Hosts: []string{"*/*"}}}},
			{Namespace: "istio-system", Name: "root"},
		},
		DestinationRules: []DestinationRule{
			{Namespace: "shop", Name: "all", Host: "*.local", Selector: details, Mode: "ISTIO_MUTUAL"},
			{Namespace: "istio-system", Name: "wasmer", Host: wasmerHost, ExportTo: []string{"*"}, Mode: "DISABLE"},
		},
		PeerAuthentications: []PeerAuthentication{{
			Namespace: "istio-system", Name: "mesh", Selector: map[string]string{"app": "wasmer"}, Mode: "STRICT", Ports: map[int32]string{8081: "", 8080: "DISABLE"},
		}},
	})
}

func TestFindings(t *testing.T) {
	l := loader(t, everyKind(), detailsPod, detailsService, wasmerService, wasmerPod)
	got, err := l.Findings(t.Context(), autoWasm("", 80))
	want := one(v1alpha1.ReasonServicePortNotTargetPort, "port 80 is that of Service details, which leads to port web: write 9080 into applyPorts for context Inbound")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func requireView(t *testing.T, l *Loader, aw *v1alpha1.AutoWasm, want View) {
	t.Helper()
	got, err := l.Load(t.Context(), aw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestExportToOfServices: the forms of the annotation, and who sees the Service then.
func TestExportToOfServices(t *testing.T) {
	const service = `{apiVersion: v1, kind: Service, metadata: {namespace: bank, name: ledger, annotations: {networking.istio.io/exportTo: %q}}, spec: {ports: [{port: 8000}]}}`
	for annotation, want := range map[string][]string{ // the namespaces that see it
		"": {"bank", "shop"}, "*": {"bank", "shop"}, ".": {"bank"}, "~": nil, "shop": {"shop"}, ".,shop": {"bank", "shop"},
		"mall, shop": {"shop"}, " , shop,": {"shop"}, ",": {"bank", "shop"}, "shop/*": nil, "SHOP": nil,
	} {
		l := loader(t, everyKind(), fmt.Sprintf(service, annotation))
		var got []string
		for _, namespace := range []string{"bank", "shop"} {
			aw := autoWasm(v1alpha1.Outbound, 8000)
			aw.Namespace = namespace
			view, err := l.Load(t.Context(), aw)
			if err != nil {
				t.Fatal(err)
			}
			if len(view.Services) > 0 {
				got = append(got, namespace)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q is seen by (-want +got):\n%s", annotation, diff)
		}
	}
}

// TestLoadServerWithoutPods: of a Service without a selector, or whose Pods end, no proxy is known.
func TestLoadServerWithoutPods(t *testing.T) {
	const bare = `{apiVersion: v1, kind: Service, metadata: {namespace: istio-system, name: wasmer}, spec: {ports: [{port: 8081}]}}`
	const ending = `{apiVersion: v1, kind: Pod, metadata: {namespace: istio-system, name: old, labels: {app: wasmer}}, spec: {containers: [{name: istio-proxy}]}, status: {phase: Failed}}`
	const ambient = `{apiVersion: v1, kind: Pod, metadata: {namespace: istio-system, name: new, labels: {app: wasmer}, annotations: {ambient.istio.io/redirection: enabled}}}`
	const byNumber = `{apiVersion: v1, kind: Service, metadata: {namespace: istio-system, name: wasmer}, spec: {selector: {app: wasmer}, ports: [{port: 80, targetPort: 1}, {port: 8081, targetPort: 18082}]}}`
	const otherwise = `{apiVersion: v1, kind: Service, metadata: {namespace: istio-system, name: wasmer}, spec: {selector: {app: wasmer}, ports: [{port: 8081, targetPort: nope}]}}`
	wasmer := map[string]string{"app": "wasmer"}
	for name, tt := range map[string]struct {
		manifests []string
		want      *Server
	}{
		"none":                  {nil, nil},
		"no selector":           {[]string{bare, wasmerPod}, &Server{}},
		"no pods":               {[]string{byNumber}, &Server{}},
		"a pod that has failed": {[]string{byNumber, ending}, &Server{}},
		"in the ambient mesh":   {[]string{byNumber, ambient}, &Server{TargetPort: 18082, Labels: wasmer, Proxied: true}},
		"a sidecar":             {[]string{byNumber, proxiedWasmerPod}, &Server{TargetPort: 18082, Labels: wasmer, Proxied: true}},
		"a port of no name":     {[]string{otherwise, proxiedWasmerPod}, &Server{Labels: wasmer, Proxied: true}},
	} {
		l := loader(t, everyKind(), tt.manifests...)
		view, err := l.Load(t.Context(), autoWasm(""))
		if diff := cmp.Diff(tt.want, view.Server, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}
