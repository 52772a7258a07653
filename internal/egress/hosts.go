package egress

import (
	"net"
	"strings"
)

// Hosts is a list of host patterns: "reg.example" stands for the host on any
// port, "reg.example:5000" for that port only, and "*.example" for all hosts
// below example, though not example itself. Case and a trailing dot do not matter.
type Hosts []string

// Match reports whether a pattern of the list stands for the host, given as in a
// URL, with or without its port.
func (h Hosts) Match(hostport string) bool {
	host, port := splitHost(hostport)
	for _, pattern := range h {
		wanted, wantedPort := splitHost(pattern)
		if wantedPort != "" && wantedPort != port {
			continue
		}
		if wanted == host || isBelow(host, wanted) {
			return true
		}
	}
	return false
}

func isBelow(host, pattern string) bool {
	suffix, wildcard := strings.CutPrefix(pattern, "*")
	return wildcard && strings.HasPrefix(suffix, ".") && len(host) > len(suffix) && strings.HasSuffix(host, suffix)
}

// splitHost returns the host in its canonical form and its port, if any.
func splitHost(hostport string) (host, port string) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = hostport, ""
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, ".")), port
}
