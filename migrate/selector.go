// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"slices"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// labelGatewayName is that of the Pods of a gateway that Istio deploys for a Gateway of the Gateway API.
const labelGatewayName = "gateway.networking.k8s.io/gateway-name"

// selectBy reads the labels or the targets that choose the proxies. It reports whether these are gateways alone.
func (s *subject) selectBy(labels map[string]string) (gateways bool) {
	refs := s.spec.items("targetRefs")
	if s.spec.has("targetRef") {
		refs = append(refs, s.spec.child("targetRef"))
	}
	if len(refs) == 0 {
		s.selectors = []map[string]string{labels}
		return isGateway(labels)
	}
	if len(labels) > 0 {
		s.refuse(refs[0].path, "Istio takes either labels or targets, and both are given: remove one")
	}
	for _, ref := range refs {
		s.target(ref)
	}
	return true
}

func (s *subject) target(ref *fields) {
	group, kind, name := ref.text("group"), ref.text("kind"), ref.text("name")
	ref.leaveOut("Istio takes targets of the object's own namespace alone", "namespace")
	if kind != "Gateway" || group != "gateway.networking.k8s.io" {
		s.refuse(ref.path, "an AutoWasm selects Pods by their labels, and a %s has none: keep the old object, or select Pods", kind)
		return
	}
	s.selectors = append(s.selectors, map[string]string{labelGatewayName: name})
	s.changed(ref.path, "Gateway %s is selected by the label %s, which Istio gives to the Pods that it deploys for it: select others by labels of theirs; a waypoint takes no AutoWasm",
		name, labelGatewayName)
}

// isGateway reports whether labels are those by which gateways alone are selected, as Istio's own charts give them.
func isGateway(labels map[string]string) bool {
	istio := labels["istio"]
	return labels[labelGatewayName] != "" || istio == "ingress" || istio == "egress" || strings.HasSuffix(istio, "gateway")
}

// wanted leaves out the contexts that the user does not want, of an object that is for more.
func (m *migration) wanted(s *subject, path string, all []v1alpha1.Context) []v1alpha1.Context {
	if len(m.options.Contexts) == 0 || len(all) < 2 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(c v1alpha1.Context) bool {
		out := !slices.Contains(m.options.Contexts, c)
		if out {
			s.leftOut(path, "%s, for which --context does not ask", c)
		}
		return out
	})
}

// words are contexts in a sentence.
func words(all []v1alpha1.Context) string {
	var names []string
	for _, c := range all {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}
