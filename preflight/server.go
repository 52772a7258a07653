package preflight

import (
	"slices"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// server looks at how the selected proxies reach the module server.
func (c *check) server() {
	if c.options.Host == "" {
		return
	}
	c.exported()
	c.imported()
	c.tls()
}

// exported looks at whether the Service is visible to the namespace at all.
func (c *check) exported() {
	s := c.view.Server
	if s == nil || visible(s.ExportTo, c.home(), c.aw.Namespace) {
		return
	}
	c.found(v1alpha1.ReasonModuleServerHidden, "annotation networking.istio.io/exportTo of Service %s hides it from namespace %s: add that to it", c.service(), c.aw.Namespace)
}

// imported looks at whether Sidecars leave it to the proxies.
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

// tls looks at what the proxies send, and what the module server understands.
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

// rule is the DestinationRule by which the selected proxies call the module server:
// the one of their own namespace, else of its, else of the root, each with the most
// specific host.
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

// strict is the PeerAuthentication that has the module server refuse plain text, or
// nil: that of its port, else of its workload, of its namespace, of the mesh.
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
		if ofPort, ok := p.Ports[s.TargetPort]; ok && p.Selector != nil {
			mode = ofPort
		}
		if mode != "" {
			return strictOnly(p, mode)
		}
	}
	return nil
}

func strictOnly(p *PeerAuthentication, mode string) *PeerAuthentication {
	if mode != "STRICT" {
		return nil
	}
	return p
}
