// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// servicePort is a port with the Service that has it.
type servicePort struct {
	service Service
	corev1.ServicePort
}

// servicePorts are the ports of Services for which a condition holds.
func (c *check) servicePorts(holds func(servicePort) bool) []servicePort {
	var found []servicePort
	for _, s := range c.view.Services {
		for i := range s.Ports {
			if p := (servicePort{s, s.Ports[i]}); holds(p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// leads reports whether a Service's port leads to a port of a selected workload.
func (c *check) leads(p servicePort, port int32) bool {
	if target := p.target(); target.Type == intstr.Int {
		return target.IntVal == port && c.selected(p.service)
	}
	return slices.Contains(c.named(p.service, p.TargetPort.StrVal), port)
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
			if p.Name == name && !slices.Contains(numbers, p.ContainerPort) && selects(s.Selector, w.Labels) {
				numbers = append(numbers, p.ContainerPort)
			}
		}
	}
	return numbers
}

func (c *check) declares(port int32) bool {
	return slices.ContainsFunc(c.view.Workloads, func(w Workload) bool {
		return slices.ContainsFunc(w.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == port })
	})
}

// remedyFor is the number that a Service's port leads to, or how to find it.
func (c *check) remedyFor(p servicePort) string {
	if p.TargetPort.Type == intstr.Int {
		return strconv.Itoa(int(p.TargetPort.IntVal))
	}
	numbers := c.named(p.service, p.TargetPort.StrVal)
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
	for _, p := range c.servicePorts(func(p servicePort) bool { return c.selected(p.service) }) {
		if target := p.target(); target.Type == intstr.Int {
			numbers = append(numbers, target.IntVal)
		} else {
			numbers = append(numbers, c.named(p.service, target.StrVal)...)
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

// target is what the port leads to: itself, when no target is set.
func (p servicePort) target() intstr.IntOrString {
	if p.TargetPort == (intstr.IntOrString{}) {
		return intstr.FromInt32(p.Port)
	}
	return p.TargetPort
}

// httpProtocols are what Istio takes for HTTP before the first hyphen of a port's name or appProtocol.
var httpProtocols = []string{"http", "http2", "http_proxy", "grpc"}

// otherProtocols are those that it takes for something else.
var otherProtocols = []string{"tcp", "udp", "https", "tls", "mongo", "redis", "mysql"}

// standardProtocols are Kubernetes' own words, and whether they are HTTP that a proxy sees.
var standardProtocols = map[string]bool{"kubernetes.io/h2c": true, "kubernetes.io/ws": true, "kubernetes.io/wss": false}

// neverSniffed are ports at which the server speaks first, so that Istio takes them for TCP unless they are declared.
var neverSniffed = []int32{25, 53, 3306, 27017}

// mayBeHTTP reports whether Istio handles a port as HTTP, or sniffs each connection to find out.
func mayBeHTTP(p corev1.ServicePort) bool {
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
	return !slices.Contains(neverSniffed, p.Port)
}
