package preflight

import (
	"slices"
	"strings"
)

// sidecarOf is the Sidecar that a workload of the AutoWasm's namespace has, or nil:
// the first of its namespace that fits, else the root namespace's for all.
func (c *check) sidecarOf(w Workload) *Sidecar {
	var ofRoot *Sidecar
	for i := range c.view.Sidecars {
		s := &c.view.Sidecars[i]
		switch {
		case s.Namespace == c.aw.Namespace && selects(s.Selector, w.Labels):
			return s
		case s.Namespace == c.options.RootNamespace && s.Selector == nil && ofRoot == nil:
			ofRoot = s
		}
	}
	return ofRoot
}

// sidecars are those of the selected workloads, each once.
func (c *check) sidecars() []*Sidecar {
	if c.gateway() || len(c.view.Sidecars) == 0 {
		return nil // gateways take no notice of Sidecars
	}
	var all []*Sidecar
	for _, w := range c.view.Workloads {
		if s := c.sidecarOf(w); s != nil && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *Sidecar) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	return all
}

// ingress reports whether a Sidecar has the proxies of selected workloads listen on a
// port.
func (c *check) ingress(port int32) bool {
	return slices.ContainsFunc(c.sidecars(), func(s *Sidecar) bool { return slices.Contains(s.Ingress, port) })
}

// egress reports whether a Sidecar has them listen on a port for what goes out.
func (c *check) egress(port int32) bool {
	return slices.ContainsFunc(c.sidecars(), func(s *Sidecar) bool {
		return slices.ContainsFunc(s.Egress, func(e Egress) bool { return e.Port == port })
	})
}

// hides reports whether proxies with a Sidecar do not get the cluster of a service.
func (s *Sidecar) hides(host, namespace, ofNamespace string, port int32) bool {
	if len(s.Egress) == 0 {
		return false
	}
	return !slices.ContainsFunc(s.Egress, func(e Egress) bool { return e.imports(host, namespace, ofNamespace, port) })
}

// imports follows Istio: "ns/host" with "." for the workload's own namespace, "*" for
// each, and "~" before the namespace of what is left out.
func (e Egress) imports(host, namespace, ofNamespace string, port int32) bool {
	if e.Port != 0 && e.Port != port && !e.Proxy {
		return false
	}
	imported := false
	for _, entry := range e.Hosts {
		in, pattern, ok := strings.Cut(entry, "/")
		if !ok {
			continue
		}
		in, excluded := strings.CutPrefix(in, "~")
		if excluded && in == "" {
			in = "*"
		}
		if in == "." {
			in = ofNamespace
		}
		if (in != "*" && in != namespace) || !matchesHost(pattern, host) {
			continue
		}
		if excluded {
			return false
		}
		imported = true
	}
	return imported
}

// matchesHost reports whether a host is the pattern, or within its wildcard.
func matchesHost(pattern, host string) bool {
	if suffix, wild := strings.CutPrefix(pattern, "*"); wild {
		return strings.HasSuffix(host, suffix)
	}
	return pattern == host
}
