package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// ports looks at each of applyPorts.
func (c *check) ports() {
	for _, port := range slices.Compact(slices.Sorted(slices.Values(c.aw.Spec.Filter.ApplyPorts))) {
		if c.outbound() {
			c.calledPort(int32(port))
		} else {
			c.listeningPort(int32(port))
		}
	}
}

// listeningPort is for the contexts in which a proxy listens for its workload: the
// port is the one that a Service leads to.
func (c *check) listeningPort(port int32) {
	if c.ingress(port) {
		return
	}
	leading := c.leadingTo(port)
	if len(leading) > 0 {
		if !c.gateway() { // whose protocols are those of its Gateway objects
			c.http(port, leading)
		}
		return
	}
	if c.view.ServicesUnknown || c.view.WorkloadsUnknown || c.view.MoreWorkloads || len(c.view.Workloads) == 0 {
		return // what leads there may not be seen
	}
	if s, p, ok := c.withNumber(port); ok {
		c.found(v1alpha1.ReasonServicePortNotTargetPort, "port %d is that of %s, which leads to %s: write %s into applyPorts for context %s",
			port, s.title(), targetOf(p), c.remedyFor(p), c.context())
		return
	}
	c.missing(port)
}

// missing tells a port that a workload has without a Service from one that there is
// not.
func (c *check) missing(port int32) {
	switch declared := c.declares(port); {
	case declared && c.gateway():
	case declared:
		c.found(v1alpha1.ReasonPortNotInService, "port %d is in no Service, so Istio has no listener for it: add targetPort %d to a Service of these pods", port, port)
	default:
		c.found(v1alpha1.ReasonPortNotFound, "port %d is not a target port of a Service for the selected pods%s", port, c.instead())
	}
}

// calledPort is for the context Outbound: the port is that of a Service anywhere.
func (c *check) calledPort(port int32) {
	if c.egress(port) {
		return
	}
	var called []servicePort
	for _, s := range c.view.Services {
		for _, p := range s.Ports {
			if p.Number == port {
				called = append(called, servicePort{s, p})
			}
		}
	}
	switch {
	case len(called) > 0:
		c.http(port, called)
	case c.view.ServicesUnknown:
	default:
		c.notCalled(port)
	}
}

func (c *check) notCalled(port int32) {
	for _, s := range c.view.Services {
		for _, p := range s.Ports {
			if p.Target.Type == intstr.Int && p.Target.IntVal == port {
				c.found(v1alpha1.ReasonTargetPortNotServicePort, "port %d is a target port of %s, whose own port is %d: write %d into applyPorts for context Outbound", port, s.title(), p.Number, p.Number)
				return
			}
		}
	}
	c.found(v1alpha1.ReasonPortNotFound, "port %d is not the port of any Service: context Outbound means the port that is called", port)
}

// servicePort is a port with the Service that has it.
type servicePort struct {
	service Service
	port    ServicePort
}

// http finds fault with a port that nobody declares to be HTTP, or leaves open.
func (c *check) http(port int32, all []servicePort) {
	if slices.ContainsFunc(all, func(p servicePort) bool { return mayBeHTTP(p.port) }) {
		return
	}
	first := all[0]
	c.found(v1alpha1.ReasonPortNotHTTP, "port %d (%s) is not HTTP to Istio, by %s: %s", port, protocolOf(first.port), first.service.title(), first.remedy())
}

// remedy is what a Service can be told; a ServiceEntry has a field for it.
func (p servicePort) remedy() string {
	if p.service.Kind == kindServiceEntry {
		return "set the protocol of its port to HTTP"
	}
	return "name its port http-… or set appProtocol: http"
}

func protocolOf(p ServicePort) string {
	switch {
	case p.AppProtocol != nil:
		return *p.AppProtocol
	case p.Name != "":
		return p.Name
	}
	return "TCP"
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
func (c *check) remedyFor(p ServicePort) string {
	if p.Target.Type == intstr.Int {
		return strconv.Itoa(int(p.Target.IntVal))
	}
	for _, w := range c.view.Workloads {
		for _, declared := range w.Ports {
			if declared.Name == p.Target.StrVal {
				return strconv.Itoa(int(declared.Number))
			}
		}
	}
	return "its number"
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

// target is what the port leads to: itself, when nothing else is said.
func (p ServicePort) target() intstr.IntOrString {
	if p.Target.Type == intstr.Int && p.Target.IntVal == 0 {
		return intstr.FromInt32(p.Number)
	}
	return p.Target
}

func targetOf(p ServicePort) string { return "port " + p.Target.String() }

func (s Service) title() string { return fmt.Sprintf("%s %s", s.Kind, s.Name) }
