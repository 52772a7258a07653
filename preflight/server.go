// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"slices"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// server checks how the selected proxies reach the module server.
func (c *check) server() {
	if c.options.Host == "" {
		return
	}
	c.exported()
	c.imported()
	c.tls()
}

// exported checks whether the Service is visible to the namespace at all.
func (c *check) exported() {
	s := c.view.Server
	if s == nil || visible(s.ExportTo, c.home(), c.aw.Namespace) {
		return
	}
	c.found(v1alpha1.ReasonModuleServerHidden, "annotation networking.istio.io/exportTo of Service %s hides it from namespace %s: add that to it", c.service(), c.aw.Namespace)
}

// imported checks whether Sidecars import it.
func (c *check) imported() {
	for _, s := range c.sidecars() {
		if s.hides(c.options.Host, c.home(), c.aw.Namespace, c.options.Port) {
			c.found(v1alpha1.ReasonModuleServerHidden, "add %s/%s to egress.hosts of Sidecar %s/%s, or no module loads", c.home(), c.options.Host, s.Namespace, s.Name)
		}
	}
}

// home is the module server's namespace.
func (c *check) home() string { return istio.NamespaceOf(c.options.Host) }

func (c *check) service() string {
	key, _ := serviceKey(c.options.Host)
	return key.String()
}

// visible reports whether exportTo of an object in one namespace includes another.
func visible(exportTo []string, from, to string) bool {
	return len(exportTo) == 0 || slices.ContainsFunc(exportTo, func(e string) bool {
		return e == "*" || e == to || (e == "." && from == to)
	})
}

// tls checks whether the proxies send what the module server accepts.
func (c *check) tls() {
	s, rule := c.view.Server, c.rule()
	if s == nil || s.Labels == nil || rule == nil || rule.Mode == "" {
		return
	}
	switch plain := rule.Mode == "DISABLE"; {
	case !plain && !s.Proxied:
		c.found(v1alpha1.ReasonModuleServerTLS, "set tls.mode DISABLE in DestinationRule %s/%s: the module server has no sidecar to speak TLS with",
			rule.Namespace, rule.Name)
	case plain && s.Proxied:
		if p := c.strict(); p != nil {
			c.found(v1alpha1.ReasonModuleServerStrictMTLS, "set tls.mode ISTIO_MUTUAL in DestinationRule %s/%s: PeerAuthentication %s/%s refuses plain text",
				rule.Namespace, rule.Name, p.Namespace, p.Name)
		}
	}
}

// rule is the DestinationRule by which the selected proxies call the module server: the one of their own namespace,
// else of its, else of the root, each with the most specific host.
func (c *check) rule() *DestinationRule {
	for _, namespace := range []string{c.aw.Namespace, c.home(), c.options.RootNamespace} {
		var best *DestinationRule
		for i := range c.view.DestinationRules {
			r := &c.view.DestinationRules[i]
			if r.Namespace == namespace && c.applies(r) && (best == nil || moreSpecific(r.Host, best.Host)) {
				best = r
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

func (c *check) applies(r *DestinationRule) bool {
	if !matchesHost(r.Host, c.options.Host) || !visible(r.ExportTo, r.Namespace, c.aw.Namespace) {
		return false
	}
	return r.Selector == nil || (r.Namespace == c.aw.Namespace &&
		slices.ContainsFunc(c.view.Workloads, func(w Workload) bool { return selects(r.Selector, w.Labels) }))
}

// moreSpecific compares hosts that match the same one.
func moreSpecific(a, b string) bool {
	aWild, bWild := a[:1] == "*", b[:1] == "*"
	if aWild != bWild {
		return bWild
	}
	return len(a) > len(b)
}

// strict is the PeerAuthentication that has the module server refuse plain text, or nil. That of its port counts, else
// of its workload, of its namespace, of the mesh.
func (c *check) strict() *PeerAuthentication {
	s := c.view.Server
	for _, rank := range []func(*PeerAuthentication) bool{
		func(p *PeerAuthentication) bool {
			return p.Namespace == c.home() && p.Selector != nil && selects(p.Selector, s.Labels)
		},
		func(p *PeerAuthentication) bool { return p.Namespace == c.home() && p.Selector == nil },
		func(p *PeerAuthentication) bool { return p.Namespace == c.options.RootNamespace && p.Selector == nil },
	} {
		i := slices.IndexFunc(c.view.PeerAuthentications, func(p PeerAuthentication) bool { return rank(&p) })
		if i < 0 {
			continue
		}
		p := &c.view.PeerAuthentications[i]
		mode := p.Mode
		if ofPort := p.Ports[s.TargetPort]; ofPort != "" && p.Selector != nil {
			mode = ofPort
		}
		switch mode {
		case "":
			continue
		case "STRICT":
			return p
		}
		return nil
	}
	return nil
}

// sidecarOf is the Sidecar that a workload has, or nil: the first of its namespace that fits, else the root's for all.
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

// ingress reports whether a Sidecar has the proxies of selected workloads listen on a port.
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

// imports follows Istio: "ns/host", with "." for the workload's own namespace, "*" for all, "~" before an excluded one.
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
