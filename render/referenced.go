package render

import (
	"strconv"
	"strings"

	v1alpha1 "github.com/autowasm/autowasm/api/v1alpha1"
)

// AnnotationReferencedServices is Istio's own: the services that a gateway is to
// know for the sake of an EnvoyFilter, "<namespace>/<host>". With
// PILOT_FILTER_GATEWAY_CLUSTER_CONFIG, istiod gives a gateway only the clusters that
// its routes lead to, and no route leads to the module server. Others read it not:
// to sidecars nothing is added, and an istiod without that setting, or older than
// 1.26, ignores it.
const AnnotationReferencedServices = "envoyfilter.istio.io/referenced-services"

// referencedServices is the module server as the annotation names it, "" when there
// is nothing to say: a filter that is not for gateways must not add a cluster to one
// that it selects beside sidecars.
func referencedServices(f *v1alpha1.Filter, cluster string) string {
	if f.Context != v1alpha1.Gateway {
		return ""
	}
	host := HostOf(cluster)
	if namespace := NamespaceOf(host); namespace != "" {
		return namespace + "/" + host
	}
	return host
}

// HostOf returns the host of a cluster that istiod makes for a service,
// "outbound|<port>|<subset>|<host>", and "" for every other cluster.
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

// NamespaceOf returns the namespace of the Service that has a host of the form
// "<name>.<namespace>.svc.<domain>", and "" for every other host.
func NamespaceOf(host string) string {
	parts := strings.SplitN(host, ".", 4)
	if len(parts) != 4 || parts[2] != "svc" {
		return ""
	}
	return parts[1]
}
