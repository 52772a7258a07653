// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"k8s.io/apimachinery/pkg/labels"
)

// Options say where the mesh and the module server are.
type Options struct {
	// RootNamespace is Istio's; "" is none. Of an AutoWasm there it is only checked whether it selects anything.
	RootNamespace string
	// Host and Port are those of the module server's Service, such as wasmer.istio-system.svc.cluster.local and 8081.
	// Without a Host it is not checked how proxies reach it.
	Host string
	Port int32
	// UntestedProxies says what is done about selected proxies outside of the tested range; "" is WarnUntested.
	UntestedProxies Untested
}

// Check returns what keeps the filter of aw from running, by what view has: what concerns the selector first, then the
// versions of the proxies, then the ports, the lowest first, then the module server. It is pure.
func Check(aw *v1alpha1.AutoWasm, view View, o Options) []Finding {
	c := &check{aw: aw, view: view, options: o}
	if !c.workloads() {
		return c.findings
	}
	c.untested()
	if o.meshWide(aw) {
		return c.findings
	}
	c.ports()
	c.server()
	return c.findings
}

// check gathers the findings about one AutoWasm.
type check struct {
	aw       *v1alpha1.AutoWasm
	view     View
	options  Options
	findings []Finding
}

func (c *check) found(reason v1alpha1.Reason, format string, args ...any) {
	c.findings = append(c.findings, Finding{
		Reason: reason, Message: fmt.Sprintf(format, args...),
		Refused: reason == v1alpha1.ReasonUntestedProxies && c.options.UntestedProxies == RefuseUntested,
	})
}

// meshWide reports whether aw is in the root namespace, and so for every namespace.
func (o Options) meshWide(aw *v1alpha1.AutoWasm) bool {
	return o.RootNamespace != "" && aw.Namespace == o.RootNamespace
}

func (c *check) gateway() bool  { return c.aw.Spec.Filter.Context == v1alpha1.Gateway }
func (c *check) outbound() bool { return c.aw.Spec.Filter.Context == v1alpha1.Outbound }

// workloads reports whether the selector finds something to check further.
func (c *check) workloads() bool {
	v := c.view
	switch {
	case v.WorkloadsUnknown, len(v.Workloads) == 0 && v.MoreWorkloads:
		return true
	case len(v.Workloads) == 0:
		c.found(v1alpha1.ReasonNoPodSelected, "%s matches no pod %s: correct spec.selector, or deploy what it is to match", c.selector(), c.where())
		c.findings[0].Early = !v.OtherWorkloads && !c.options.meshWide(c.aw)
		return false
	case !v.MoreWorkloads && !slices.ContainsFunc(v.Workloads, func(w Workload) bool { return w.Proxied }):
		c.found(v1alpha1.ReasonNoProxySelected, "no pod that %s matches has a proxy of Istio: enable injection in namespace %s, then restart them", c.selector(), c.aw.Namespace)
	}
	return true
}

func (c *check) selector() string {
	return cmp.Or(labels.Set(c.aw.Spec.Selector.Labels()).String(), "the empty selector")
}

func (c *check) where() string {
	if c.options.meshWide(c.aw) {
		return "of any namespace"
	}
	return "of namespace " + c.aw.Namespace
}

// selectsAny reports whether a Service's selector matches one of maybe thousands of workloads. It reads it once.
func selectsAny(selector map[string]string, workloads []Workload) bool {
	type pair struct{ key, value string }
	pairs := make([]pair, 0, 4)
	for key, value := range selector {
		pairs = append(pairs, pair{key, value})
	}
	return len(pairs) > 0 && slices.ContainsFunc(workloads, func(w Workload) bool {
		return !slices.ContainsFunc(pairs, func(p pair) bool { got, ok := w.Labels[p.key]; return !ok || got != p.value })
	})
}

// selects reports whether a selector matches labels. What an absent one means, in which Istio and Services differ, is
// for the caller to know.
func selects(selector, labels map[string]string) bool {
	for key, value := range selector {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// A Finding is one thing that keeps a filter from running.
type Finding struct {
	// Reason of PreflightPassed.
	Reason v1alpha1.Reason
	// Message names the object, what is wrong with it, and the remedy. It does not change while these stay the same.
	Message string
	// Refused says that the filter must not come to the proxies that have none yet. Otherwise a finding is advice.
	Refused bool
	// Early says that the finding may come of the order of things alone: nothing is deployed in the namespace yet.
	Early bool
}

// message joins the messages of findings into one.
func message(findings []Finding) string {
	messages := make([]string, len(findings))
	for i, f := range findings {
		messages[i] = f.Message
	}
	return strings.Join(messages, "; ")
}
