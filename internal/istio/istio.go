// SPDX-License-Identifier: Apache-2.0

// Package istio holds the names of Istio's that several packages need, and the form of its clusters and hosts.
package istio

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The type of an EnvoyFilter.
const (
	EnvoyFilterAPIVersion = "networking.istio.io/v1alpha3"
	EnvoyFilterKind       = "EnvoyFilter"
)

// ProxyContainer is the container of a proxy in its Pod, be it a sidecar or a gateway.
const ProxyContainer = "istio-proxy"

// Annotations of Pods and Services.
const (
	// AnnotationSidecarStatus says what was injected into a Pod.
	AnnotationSidecarStatus = "sidecar.istio.io/status"
	// AnnotationInjectTemplates names the templates, separated by commas, by which a proxy is injected into a Pod.
	AnnotationInjectTemplates = "inject.istio.io/templates"
	// AnnotationAmbientRedirection is "enabled" in a Pod whose traffic goes through ztunnel.
	AnnotationAmbientRedirection = "ambient.istio.io/redirection"
	// AnnotationExportTo names the namespaces, separated by commas, that see a Service.
	AnnotationExportTo = "networking.istio.io/exportTo"
)

// LabelRevision gives an object to one revision of the control plane.
const LabelRevision = "istio.io/rev"

// AnnotationReferencedServices names the services that a gateway needs to know for the sake of an EnvoyFilter,
// "<namespace>/<host>". With PILOT_FILTER_GATEWAY_CLUSTER_CONFIG, istiod gives a gateway only the clusters that its
// routes lead to, and no route leads to the module server. It adds nothing to sidecars, and an istiod without that
// setting, or older than 1.26, ignores it.
const AnnotationReferencedServices = "envoyfilter.istio.io/referenced-services"

// NewEnvoyFilter returns an EnvoyFilter of which only apiVersion and kind are set, to be read into. EnvoyFilters are
// read untyped: a typed read drops fields that this build does not know, and so misses what was added by hand.
func NewEnvoyFilter() *unstructured.Unstructured {
	ef := &unstructured.Unstructured{}
	ef.SetAPIVersion(EnvoyFilterAPIVersion)
	ef.SetKind(EnvoyFilterKind)
	return ef
}

// NewEnvoyFilterList returns an empty list to be read into, untyped as NewEnvoyFilter is: a cache holds them once.
func NewEnvoyFilterList() *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(EnvoyFilterAPIVersion)
	list.SetKind(EnvoyFilterKind + "List")
	return list
}

// HostOf returns the host of a cluster that istiod makes for a service, "outbound|<port>|<subset>|<host>", else "".
func HostOf(cluster string) string {
	parts := strings.Split(cluster, "|")
	if len(parts) != 4 || parts[0] != "outbound" || strings.ContainsAny(parts[3], ",/") {
		return ""
	}
	return parts[3]
}

// PortOf returns the port of a cluster that HostOf knows, and 0 for every other.
func PortOf(cluster string) int32 {
	if HostOf(cluster) == "" {
		return 0
	}
	port, err := strconv.ParseInt(strings.Split(cluster, "|")[1], 10, 32)
	if err != nil {
		return 0
	}
	return int32(port)
}

// NamespaceOf returns the namespace in a Service's host, "<name>.<namespace>.svc.<domain>", and "" for other hosts.
func NamespaceOf(host string) string {
	parts := strings.SplitN(host, ".", 4)
	if len(parts) != 4 || parts[2] != "svc" {
		return ""
	}
	return parts[1]
}
