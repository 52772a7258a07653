package preflight

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// httpProtocols are the words before the first hyphen of a port's name, or its
// appProtocol, that Istio takes for HTTP.
var httpProtocols = []string{"http", "http2", "http_proxy", "grpc"}

// otherProtocols are those that it takes for something else.
var otherProtocols = []string{"tcp", "udp", "https", "tls", "mongo", "redis", "mysql"}

// standardProtocols are Kubernetes' own words, and whether they are HTTP that a proxy sees.
var standardProtocols = map[string]bool{"kubernetes.io/h2c": true, "kubernetes.io/ws": true, "kubernetes.io/wss": false}

// neverSniffed are ports whose protocols wait for the server's first word, so that
// Istio takes them for TCP when it is not told otherwise.
var neverSniffed = []int32{25, 53, 3306, 27017}

// mayBeHTTP reports whether Istio handles a port as HTTP, or looks at each connection
// to find out.
func mayBeHTTP(p ServicePort) bool {
	if p.Protocol != "" && p.Protocol != corev1.ProtocolTCP {
		return false
	}
	name := p.Name
	if p.AppProtocol != nil {
		name = *p.AppProtocol
		if http, ok := standardProtocols[name]; ok {
			return http
		}
	}
	word, _, _ := strings.Cut(strings.ToLower(name), "-")
	switch {
	case slices.Contains(httpProtocols, word):
		return true
	case slices.Contains(otherProtocols, word):
		return false
	}
	return !slices.Contains(neverSniffed, p.Number)
}
