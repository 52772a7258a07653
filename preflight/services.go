package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// servicePort is a port with the Service that has it.
type servicePort struct {
	service Service
	port    ServicePort
}

// leadingTo are the ports of Services that lead to a port of a selected workload.
func (c *check) leadingTo(port int32) []servicePort {
	var leading []servicePort
	for _, s := range c.view.Services {
		for _, p := range s.Ports {
			if c.leads(s, p, port) {
				leading = append(leading, servicePort{s, p})
			}
		}
	}
	return leading
}

func (c *check) leads(s Service, p ServicePort, port int32) bool {
	if target := p.target(); target.Type == intstr.Int {
		return target.IntVal == port && c.selected(s)
	}
	return slices.Contains(c.named(s, p.Target.StrVal), port)
}

// selected reports whether a Service selects one of the workloads.
func (c *check) selected(s Service) bool { return selectsAny(s.Selector, c.view.Workloads) }

// named are the ports that a name stands for in the workloads of a Service.
func (c *check) named(s Service, name string) []int32 {
	var numbers []int32
	if len(s.Selector) == 0 {
		return nil
	}
	for _, w := range c.view.Workloads {
		for _, p := range w.Ports {
			if p.Name == name && !slices.Contains(numbers, p.Number) && selects(s.Selector, w.Labels) {
				numbers = append(numbers, p.Number)
			}
		}
	}
	return numbers
}

// withNumber finds a Service of the workloads that has the port as its own.
func (c *check) withNumber(port int32) (Service, ServicePort, bool) {
	for _, s := range c.view.Services {
		for _, p := range s.Ports {
			if p.Number == port && c.selected(s) {
				return s, p, true
			}
		}
	}
	return Service{}, ServicePort{}, false
}

func (c *check) declares(port int32) bool {
	return slices.ContainsFunc(c.view.Workloads, func(w Workload) bool {
		return slices.ContainsFunc(w.Ports, func(p WorkloadPort) bool { return p.Number == port })
	})
}

// remedyFor is the number that a Service's port leads to, or how to find it.
func (c *check) remedyFor(s Service, p ServicePort) string {
	if p.Target.Type == intstr.Int {
		return strconv.Itoa(int(p.Target.IntVal))
	}
	numbers := c.named(s, p.Target.StrVal)
	if len(numbers) == 0 {
		return "its number"
	}
	return strconv.Itoa(int(slices.Min(numbers))) // whatever order the cache lists Pods in
}

// maxNamed bounds how many ports a message lists.
const maxNamed = 5

// instead names the ports that there are.
func (c *check) instead() string {
	var numbers []int32
	for _, s := range c.view.Services {
		if !c.selected(s) {
			continue
		}
		for _, p := range s.Ports {
			if target := p.target(); target.Type == intstr.Int {
				numbers = append(numbers, target.IntVal)
			} else {
				numbers = append(numbers, c.named(s, target.StrVal)...)
			}
		}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	if len(numbers) == 0 {
		return ", there is none: add a Service"
	}
	words := make([]string, 0, maxNamed)
	for _, number := range numbers[:min(len(numbers), maxNamed)] {
		words = append(words, strconv.Itoa(int(number)))
	}
	return ": choose of " + strings.Join(words, ", ")
}

func (c *check) context() string {
	if c.gateway() {
		return "Gateway"
	}
	return "Inbound"
}

// target is what the port leads to: itself, when no target is set.
func (p ServicePort) target() intstr.IntOrString {
	if p.Target.Type == intstr.Int && p.Target.IntVal == 0 {
		return intstr.FromInt32(p.Number)
	}
	return p.Target
}

func targetOf(p ServicePort) string { return "port " + p.Target.String() }

func (s Service) title() string { return fmt.Sprintf("%s %s", s.Kind, s.Name) }

// httpProtocols are the words before the first hyphen of a port's name, or its
// appProtocol, that Istio takes for HTTP.
var httpProtocols = []string{"http", "http2", "http_proxy", "grpc"}

// otherProtocols are those that it takes for something else.
var otherProtocols = []string{"tcp", "udp", "https", "tls", "mongo", "redis", "mysql"}

// standardProtocols are Kubernetes' own words, and whether they are HTTP that a proxy sees.
var standardProtocols = map[string]bool{"kubernetes.io/h2c": true, "kubernetes.io/ws": true, "kubernetes.io/wss": false}

// neverSniffed are ports whose protocols wait for the server's first word, so that
// Istio takes them for TCP unless they are declared.
var neverSniffed = []int32{25, 53, 3306, 27017}

// mayBeHTTP reports whether Istio handles a port as HTTP, or sniffs each connection
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
