// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Istio's objects are read untyped, and what is not as expected is taken as absent: it is for Istio to refuse them.

type fields map[string]any

func specOf(u unstructured.Unstructured) fields { return fieldsOf(u.Object["spec"]) }

func fieldsOf(value any) fields {
	m, _ := value.(map[string]any)
	return m
}

func (f fields) at(key string) fields { return fieldsOf(f[key]) }

func (f fields) text(key string) string {
	s, _ := f[key].(string)
	return s
}

func (f fields) number(key string) int32 {
	switch n := f[key].(type) {
	case int64:
		return int32(n)
	case float64:
		return int32(n)
	}
	return 0
}

func (f fields) list(key string) []any {
	l, _ := f[key].([]any)
	return l
}

func (f fields) texts(key string) []string {
	var all []string
	for _, value := range f.list(key) {
		if s, ok := value.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// labels is nil when the field is absent, which stands for every workload.
func (f fields) labels(key, within string) map[string]string {
	if _, ok := f[key].(map[string]any); !ok {
		return nil
	}
	return stringsOf(f.at(key).at(within))
}

func stringsOf(f fields) map[string]string {
	out := make(map[string]string, len(f))
	for key := range f {
		out[key] = f.text(key)
	}
	return out
}

// oldestFirst is Istio's own order.
func oldestFirst(all []unstructured.Unstructured) []unstructured.Unstructured {
	slices.SortFunc(all, func(a, b unstructured.Unstructured) int {
		return cmp.Or(a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
			cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetNamespace(), b.GetNamespace()))
	})
	return all
}

func selectorsFirst(a, b Sidecar) int {
	switch {
	case a.Selector != nil && b.Selector == nil:
		return -1
	case a.Selector == nil && b.Selector != nil:
		return 1
	}
	return 0
}

func workloadEntry(u unstructured.Unstructured) Workload {
	spec := specOf(u)
	w := Workload{Labels: maps.Clone(u.GetLabels()), Proxied: true}
	if w.Labels == nil {
		w.Labels = map[string]string{}
	}
	maps.Copy(w.Labels, stringsOf(spec.at("labels")))
	ports := spec.at("ports")
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		w.Ports = append(w.Ports, corev1.ContainerPort{Name: name, ContainerPort: ports.number(name)})
	}
	return w
}

func serviceEntry(u unstructured.Unstructured) Service {
	spec := specOf(u)
	s := Service{Kind: kindServiceEntry, Namespace: u.GetNamespace(), Name: u.GetName(), Selector: spec.labels("workloadSelector", "labels")}
	for _, value := range spec.list("ports") {
		p := fieldsOf(value)
		protocol := strings.ToLower(p.text("protocol"))
		s.Ports = append(s.Ports, corev1.ServicePort{
			Name: p.text("name"), Port: p.number("number"), TargetPort: intstr.FromInt32(p.number("targetPort")), AppProtocol: &protocol,
		})
	}
	return s
}

func sidecar(u unstructured.Unstructured) Sidecar {
	spec := specOf(u)
	s := Sidecar{Namespace: u.GetNamespace(), Name: u.GetName(), Selector: spec.labels("workloadSelector", "labels")}
	for _, value := range spec.list("egress") {
		e := fieldsOf(value)
		port := e.at("port")
		s.Egress = append(s.Egress, Egress{
			Port: port.number("number"), Proxy: strings.EqualFold(port.text("protocol"), "HTTP_PROXY"), Hosts: e.texts("hosts"),
		})
	}
	for _, value := range spec.list("ingress") {
		s.Ingress = append(s.Ingress, fieldsOf(value).at("port").number("number"))
	}
	return s
}

func destinationRule(u unstructured.Unstructured, o Options) DestinationRule {
	spec := specOf(u)
	r := DestinationRule{
		Namespace: u.GetNamespace(), Name: u.GetName(), ExportTo: spec.texts("exportTo"),
		Host: inFull(spec.text("host"), u.GetNamespace(), o.Host), Selector: spec.labels("workloadSelector", "matchLabels"),
	}
	policy := spec.at("trafficPolicy")
	r.Mode = tlsMode(policy)
	for _, value := range policy.list("portLevelSettings") {
		if settings := fieldsOf(value); settings.at("port").number("number") == o.Port {
			r.Mode = tlsMode(settings) // they replace those of the host
		}
	}
	return r
}

// tlsMode is "" where TLS is not set; settings without a mode have Istio's first.
func tlsMode(policy fields) string {
	if _, ok := policy["tls"].(map[string]any); !ok {
		return ""
	}
	return cmp.Or(policy.at("tls").text("mode"), "DISABLE")
}

// inFull completes a short name as Istio does: in the namespace of its object.
func inFull(host, namespace, like string) string {
	if host == "" || strings.ContainsAny(host, ".*") {
		return host
	}
	return host + "." + namespace + "." + afterFirstDot(afterFirstDot(like))
}

func afterFirstDot(s string) string {
	_, after, _ := strings.Cut(s, ".")
	return after
}

func peerAuthentication(u unstructured.Unstructured) PeerAuthentication {
	spec := specOf(u)
	p := PeerAuthentication{
		Namespace: u.GetNamespace(), Name: u.GetName(), Selector: spec.labels("selector", "matchLabels"),
		Mode: modeOf(spec.at("mtls")), Ports: map[int32]string{},
	}
	ports := spec.at("portLevelMtls")
	for port := range ports {
		if number, err := strconv.ParseInt(port, 10, 32); err == nil {
			p.Ports[int32(number)] = modeOf(ports.at(port))
		}
	}
	return p
}

func modeOf(mtls fields) string {
	if mode := mtls.text("mode"); mode != "UNSET" {
		return mode
	}
	return ""
}
