// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// object is one of Istio's, of namespace shop, with a spec in YAML.
func object(t testing.TB, spec string) unstructured.Unstructured {
	t.Helper()
	u := unstructured.Unstructured{Object: map[string]any{}}
	if err := yaml.Unmarshal([]byte(`{metadata: {namespace: shop, name: a}, spec: `+spec+`}`), &u.Object); err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return u
}

// What an object is that says nothing.
var (
	noWorkload  = Workload{Labels: map[string]string{}, Proxied: true}
	noEntry     = Service{Kind: kindServiceEntry, Namespace: "shop", Name: "a"}
	noSidecar   = Sidecar{Namespace: "shop", Name: "a"}
	noRule      = DestinationRule{Namespace: "shop", Name: "a"}
	noPolicy    = PeerAuthentication{Namespace: "shop", Name: "a", Ports: map[int32]string{}}
	emptyLabels = map[string]string{}
)

func TestWorkloadEntries(t *testing.T) {
	for spec, want := range map[string]Workload{
		`null`: noWorkload, `x`: noWorkload, `[1]`: noWorkload, `{}`: noWorkload,
		`{labels: x, ports: [1]}`:        noWorkload,
		`{labels: {app: 1}}`:             {Labels: map[string]string{"app": ""}, Proxied: true},
		`{ports: {web: "80", b: {}}}`:    {Labels: emptyLabels, Ports: []corev1.ContainerPort{containerPort("b", 0), containerPort("web", 0)}, Proxied: true},
		`{ports: {web: 80.0, a: 81}}`:    {Labels: emptyLabels, Ports: []corev1.ContainerPort{containerPort("a", 81), containerPort("web", 80)}, Proxied: true},
		`{labels: {app: details}}`:       {Labels: details, Proxied: true},
		`{address: 10.0.0.1, weight: 1}`: noWorkload,
	} {
		if diff := cmp.Diff(want, workloadEntry(object(t, spec))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
	labeled := object(t, `{labels: {app: details}}`)
	labeled.SetLabels(map[string]string{"app": "x", "v": "1"}) // the spec's are more specific
	if diff := cmp.Diff(map[string]string{"app": "details", "v": "1"}, workloadEntry(labeled).Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if labeled.GetLabels()["app"] != "x" {
		t.Error("the cached object was changed")
	}
}

func TestServiceEntries(t *testing.T) {
	with := func(edit func(*Service)) Service {
		s := noEntry
		edit(&s)
		return s
	}
	for spec, want := range map[string]Service{
		`null`: noEntry, `7`: noEntry, `{}`: noEntry, `{ports: x, workloadSelector: x}`: noEntry,
		`{ports: [x]}`:              with(func(s *Service) { s.Ports = []corev1.ServicePort{appProtocol(port("", 0, 0), "")} }),
		`{ports: [{number: "80"}]}`: with(func(s *Service) { s.Ports = []corev1.ServicePort{appProtocol(port("", 0, 0), "")} }),
		`{ports: [{number: 80, name: web, protocol: GRPC, targetPort: 8080}]}`: with(func(s *Service) {
			s.Ports = []corev1.ServicePort{appProtocol(port("web", 80, 8080), "grpc")}
		}),
		`{workloadSelector: {}}`:                       with(func(s *Service) { s.Selector = emptyLabels }),
		`{workloadSelector: {labels: [x]}}`:            with(func(s *Service) { s.Selector = emptyLabels }),
		`{workloadSelector: {labels: {app: details}}}`: with(func(s *Service) { s.Selector = details }),
	} {
		if diff := cmp.Diff(want, serviceEntry(object(t, spec))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
}

func TestSidecarObjects(t *testing.T) {
	with := func(edit func(*Sidecar)) Sidecar {
		s := noSidecar
		edit(&s)
		return s
	}
	for spec, want := range map[string]Sidecar{
		`null`: noSidecar, `x`: noSidecar, `{egress: x, ingress: {}}`: noSidecar,
		`{egress: [x, {hosts: x}, {hosts: [1, "./*"]}]}`:                       with(func(s *Sidecar) { s.Egress = []Egress{{}, {}, {Hosts: []string{"./*"}}} }),
		`{egress: [{port: 80, hosts: []}]}`:                                    with(func(s *Sidecar) { s.Egress = []Egress{{}} }),
		`{egress: [{port: {number: 80, protocol: http_proxy}, hosts: ["a"]}]}`: with(func(s *Sidecar) { s.Egress = []Egress{{Port: 80, Proxy: true, Hosts: []string{"a"}}} }),
		`{ingress: [x, {port: {number: 9080}}]}`:                               with(func(s *Sidecar) { s.Ingress = []int32{0, 9080} }),
		`{workloadSelector: {labels: {app: details}}}`:                         with(func(s *Sidecar) { s.Selector = details }),
		`{workloadSelector: {}}`:                                               with(func(s *Sidecar) { s.Selector = emptyLabels }),
	} {
		if diff := cmp.Diff(want, sidecar(object(t, spec))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
}

func TestDestinationRuleObjects(t *testing.T) {
	with := func(edit func(*DestinationRule)) DestinationRule {
		r := noRule
		edit(&r)
		return r
	}
	mode := func(mode string) DestinationRule { return with(func(r *DestinationRule) { r.Mode = mode }) }
	host := func(host string) DestinationRule { return with(func(r *DestinationRule) { r.Host = host }) }
	for spec, want := range map[string]DestinationRule{
		`null`: noRule, `x`: noRule, `{host: 1, exportTo: x, trafficPolicy: x}`: noRule,
		`{host: wasmer}`: host("wasmer.shop.svc.cluster.local"),
		`{host: wasmer.istio-system.svc.cluster.local}`:                 host(wasmerHost),
		`{host: wasmer.istio-system}`:                                   host("wasmer.istio-system"), // Istio completes no name with a dot
		`{host: "*"}`:                                                   host("*"),
		`{exportTo: [".", 1, bank]}`:                                    with(func(r *DestinationRule) { r.ExportTo = []string{".", "bank"} }),
		`{workloadSelector: {matchLabels: {app: details}}}`:             with(func(r *DestinationRule) { r.Selector = details }),
		`{trafficPolicy: {tls: x}}`:                                     noRule,
		`{trafficPolicy: {tls: {}}}`:                                    mode("DISABLE"),
		`{trafficPolicy: {tls: {mode: 1}}}`:                             mode("DISABLE"),
		`{trafficPolicy: {tls: {mode: MUTUAL}}}`:                        mode("MUTUAL"),
		`{subsets: [{name: v1, trafficPolicy: {tls: {mode: MUTUAL}}}]}`: noRule, // modules are loaded from no subset
		`{trafficPolicy: {tls: {mode: SIMPLE}}, subsets: [{name: v1, trafficPolicy: {tls: {mode: DISABLE}}}]}`:                                    mode("SIMPLE"),
		`{trafficPolicy: {portLevelSettings: x}}`:                                                                                                 noRule,
		`{trafficPolicy: {portLevelSettings: [x, {port: x}, {port: {number: "8081"}, tls: {mode: SIMPLE}}]}}`:                                     noRule,
		`{trafficPolicy: {tls: {mode: MUTUAL}, portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}}`:                                  mode("MUTUAL"),
		`{trafficPolicy: {tls: {mode: MUTUAL}, portLevelSettings: [{port: {number: 80}, tls: {}}, {port: {number: 8081}, tls: {mode: SIMPLE}}]}}`: mode("SIMPLE"),
		`{trafficPolicy: {tls: {mode: MUTUAL}, portLevelSettings: [{port: {number: 8081}, loadBalancer: {simple: RANDOM}}]}}`:                     noRule, // they inherit nothing
		`{trafficPolicy: {portLevelSettings: [{port: {number: 8081}, tls: {}}]}}`:                                                                 mode("DISABLE"),
	} {
		if diff := cmp.Diff(want, destinationRule(object(t, spec), options)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
}

func TestPeerAuthenticationObjects(t *testing.T) {
	with := func(edit func(*PeerAuthentication)) PeerAuthentication {
		p := noPolicy
		edit(&p)
		return p
	}
	for spec, want := range map[string]PeerAuthentication{
		`null`: noPolicy, `x`: noPolicy, `{mtls: x, selector: x, portLevelMtls: x}`: noPolicy,
		`{mtls: {}}`:            noPolicy,
		`{mtls: {mode: 1}}`:     noPolicy,
		`{mtls: {mode: UNSET}}`: noPolicy,
		`{mtls: {mode: STRICT}, selector: {matchLabels: {app: details}}}`: with(func(p *PeerAuthentication) { p.Mode, p.Selector = "STRICT", details }),
		`{portLevelMtls: {x: {mode: STRICT}, "99999999999": {mode: STRICT}, 8081: x, 80: {mode: UNSET}, 81: {mode: DISABLE}}}`: with(func(p *PeerAuthentication) {
			p.Ports = map[int32]string{8081: "", 80: "", 81: "DISABLE"}
		}),
	} {
		if diff := cmp.Diff(want, peerAuthentication(object(t, spec))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
}

// TestSidecarsInOrder: Istio takes the first that fits: those with a selector before those without, the oldest first,
// and of the same age by name.
func TestSidecarsInOrder(t *testing.T) {
	const meta = `{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {namespace: shop, name: %s, creationTimestamp: "2026-01-0%dT00:00:00Z"}, spec: %s}`
	const selecting = `{workloadSelector: {labels: {app: details}}}`
	l := loader(t, everyKind(),
		fmt.Sprintf(meta, "old", 1, `{}`), fmt.Sprintf(meta, "b", 3, selecting), fmt.Sprintf(meta, "young", 4, `{}`),
		fmt.Sprintf(meta, "a", 3, selecting), fmt.Sprintf(meta, "z", 2, selecting))
	view, err := l.Load(t.Context(), autoWasm(""))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range view.Sidecars {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"z", "a", "b", "old", "young"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRulesAndPoliciesInOrder: the oldest counts, and of the same age the first by name.
func TestRulesAndPoliciesInOrder(t *testing.T) {
	const rule = `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {namespace: shop, name: %s, creationTimestamp: "2026-01-0%dT00:00:00Z"}, spec: {host: "*.local", trafficPolicy: {tls: {mode: %s}}}}`
	const policy = `{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {namespace: istio-system, name: %s, creationTimestamp: "2026-01-0%dT00:00:00Z"}, spec: {mtls: {mode: %s}}}`
	for name, tt := range map[string]struct {
		server    []string
		manifests []string
		want      []Finding
	}{
		"the oldest rule": {
			[]string{wasmerService, wasmerPod},
			[]string{fmt.Sprintf(rule, "a", 2, "DISABLE"), fmt.Sprintf(rule, "b", 1, "SIMPLE")},
			one(v1alpha1.ReasonModuleServerTLS, "set tls.mode DISABLE in DestinationRule shop/b: the module server has no sidecar to speak TLS with"),
		},
		"rules of the same age": {
			[]string{wasmerService, wasmerPod},
			[]string{fmt.Sprintf(rule, "b", 1, "SIMPLE"), fmt.Sprintf(rule, "a", 1, "DISABLE")}, nil,
		},
		"the oldest policy": {
			[]string{wasmerService, proxiedWasmerPod},
			[]string{fmt.Sprintf(rule, "a", 1, "DISABLE"), fmt.Sprintf(policy, "b", 1, "STRICT"), fmt.Sprintf(policy, "a", 2, "PERMISSIVE")},
			one(v1alpha1.ReasonModuleServerStrictMTLS, "set tls.mode ISTIO_MUTUAL in DestinationRule shop/a: PeerAuthentication istio-system/b refuses plain text"),
		},
		"policies of the same age": {
			[]string{wasmerService, proxiedWasmerPod},
			[]string{fmt.Sprintf(rule, "a", 1, "DISABLE"), fmt.Sprintf(policy, "b", 1, "STRICT"), fmt.Sprintf(policy, "a", 1, "PERMISSIVE")}, nil,
		},
	} {
		l := loader(t, everyKind(), append(append(tt.manifests, tt.server...), detailsPod)...)
		got, err := l.Findings(t.Context(), autoWasm(""))
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// FuzzIstio: whatever is in an object, it is read, and read as it was.
func FuzzIstio(f *testing.F) {
	for _, spec := range []string{`{"egress":[{"hosts":["./*"]}],"host":"a","ports":{"a":1}}`, `{"ports":[{"number":1e300}],"portLevelMtls":{"1":null}}`, `[]`} {
		f.Add([]byte(spec))
	}
	f.Fuzz(func(t *testing.T, spec []byte) {
		var value any
		if json.Unmarshal(spec, &value) != nil {
			return
		}
		u := unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "a"}, "spec": value}}
		before := u.DeepCopy()
		rule, entry := destinationRule(u, options), serviceEntry(u)
		view := View{
			Workloads: []Workload{workloadEntry(u)}, Services: []Service{entry}, Sidecars: []Sidecar{sidecar(u)}, Server: &Server{Labels: emptyLabels, Proxied: true},
			DestinationRules: []DestinationRule{rule}, PeerAuthentications: []PeerAuthentication{peerAuthentication(u)},
		}
		Check(autoWasm("", 80), view, options)
		Check(autoWasm(v1alpha1.Outbound, 80), view, options)
		if diff := cmp.Diff(before.Object, u.Object); diff != "" {
			t.Errorf("the object was changed:\n%s", diff)
		}
	})
}
