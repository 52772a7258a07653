// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// ports checks each of applyPorts.
func (c *check) ports() {
	for _, port := range slices.Compact(slices.Sorted(slices.Values(c.aw.Spec.Filter.ApplyPorts))) {
		if c.outbound() {
			c.calledPort(int32(port))
		} else {
			c.listeningPort(int32(port))
		}
	}
}

// listeningPort is for the contexts in which a proxy listens for its workload, at what a Service leads to.
func (c *check) listeningPort(port int32) {
	if c.ingress(port) {
		return
	}
	leading := c.servicePorts(func(p servicePort) bool { return c.leads(p, port) })
	if len(leading) > 0 {
		if !c.gateway() { // whose protocols are those of its Gateway objects
			c.http(port, leading)
		}
		return
	}
	if c.view.ServicesUnknown || c.view.WorkloadsUnknown || c.view.MoreWorkloads || len(c.view.Workloads) == 0 {
		return // what leads there may not be seen
	}
	if own := c.servicePorts(func(p servicePort) bool { return p.Port == port && c.selected(p.service) }); len(own) > 0 {
		c.found(v1alpha1.ReasonServicePortNotTargetPort, "port %d is that of %s, which leads to port %s: write %s into applyPorts for context %s",
			port, c.title(own[0].service), &own[0].TargetPort, c.remedyFor(own[0]), cmp.Or(c.aw.Spec.Filter.Context, v1alpha1.Inbound))
		return
	}
	c.missing(port)
}

// missing is for a port that no Service leads to: a workload may have it all the same.
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
	called := c.servicePorts(func(p servicePort) bool { return p.Port == port })
	switch {
	case len(called) > 0:
		c.http(port, called)
	case c.view.ServicesUnknown:
	default:
		c.notCalled(port)
	}
}

func (c *check) notCalled(port int32) {
	if all := c.servicePorts(func(p servicePort) bool { return p.TargetPort == intstr.FromInt32(port) }); len(all) > 0 {
		one := c.nearest(all)
		c.found(v1alpha1.ReasonTargetPortNotServicePort, "port %d is a target port of %s: write its own port %d into applyPorts for context Outbound",
			port, c.title(one.service), one.Port)
		return
	}
	c.found(v1alpha1.ReasonPortNotFound, "port %d is not the port of any Service: context Outbound means the port that is called", port)
}

// http reports a port that every Service declares to be something else than HTTP.
func (c *check) http(port int32, all []servicePort) {
	if slices.ContainsFunc(all, func(p servicePort) bool { return mayBeHTTP(p.ServicePort) }) {
		return
	}
	one, protocol := c.nearest(all), ""
	if c.own(one.service) {
		protocol = fmt.Sprintf(" (%s)", one.protocol())
	}
	c.found(v1alpha1.ReasonPortNotHTTP, "port %d%s is not HTTP to Istio, by %s: %s", port, protocol, c.title(one.service), one.remedy())
}

// nearest is a port of the AutoWasm's own namespace, if there is one.
func (c *check) nearest(all []servicePort) servicePort {
	return all[max(0, slices.IndexFunc(all, func(p servicePort) bool { return c.own(p.service) }))]
}

func (c *check) own(s Service) bool { return s.Namespace == c.aw.Namespace }

// title names a Service. Those of other namespaces are not the business of who writes the AutoWasm.
func (c *check) title(s Service) string {
	if !c.own(s) {
		return "another namespace's " + s.Kind
	}
	return s.Kind + " " + s.Name
}

// remedy is how to declare HTTP: a ServiceEntry has a field for it.
func (p servicePort) remedy() string {
	if p.service.Kind == kindServiceEntry {
		return "set the protocol of its port to HTTP"
	}
	return "name its port http-… or set appProtocol: http"
}

func (p servicePort) protocol() string {
	switch {
	case p.AppProtocol != nil:
		return *p.AppProtocol
	case p.Name != "":
		return p.Name
	}
	return "TCP"
}
