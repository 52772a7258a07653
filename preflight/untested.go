// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// Untested says what is done about selected proxies outside of the tested range.
type Untested string

// What can be done.
const (
	// AllowUntested says nothing.
	AllowUntested Untested = "Allow"
	// WarnUntested makes a finding of them.
	WarnUntested Untested = "Warn"
	// RefuseUntested makes a finding of them that denies.
	RefuseUntested Untested = "Refuse"
)

// maxListed bounds how many proxies a finding names.
const maxListed = 3

// A Proxy is a selected one.
type Proxy struct {
	Pod types.NamespacedName
	// Version of Istio.
	Version string
}

func byPod(a, b Proxy) int {
	return cmp.Or(cmp.Compare(a.Pod.Namespace, b.Pod.Namespace), cmp.Compare(a.Pod.Name, b.Pod.Name))
}

// untested checks the versions of the selected proxies that spec.filter.proxyVersion leaves in: those that may die of the
// filter first.
func (c *check) untested() {
	if c.options.UntestedProxies == AllowUntested {
		return
	}
	matches := versionsOf(c.aw)
	var crash, other []Proxy
	for _, p := range c.view.Untested {
		switch r, known := istio.ReleaseOf(p.Version); {
		case !known, !matches(p.Version):
		case r.Crashes():
			crash = append(crash, p)
		default:
			other = append(other, p)
		}
	}
	if len(crash) > 0 {
		c.found(v1alpha1.ReasonUntestedProxies, "a first Wasm filter can crash Istio %s; exclude it by proxyVersion '%s': Pods %s", releases(crash), istio.TestedExpression, c.podNames(crash))
	}
	if len(other) > 0 {
		c.found(v1alpha1.ReasonUntestedProxies, "AutoWasm is not tested on Istio %s; exclude it by proxyVersion '%s': Pods %s", releases(other), istio.TestedExpression, c.podNames(other))
	}
}

// versionsOf returns what reports whether istiod gives the filter of aw to proxies of a version. What does not compile
// matches none.
func versionsOf(aw *v1alpha1.AutoWasm) func(version string) bool {
	expression := aw.Spec.Filter.ProxyVersion
	if expression == "" {
		return func(string) bool { return true }
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return func(string) bool { return false }
	}
	return compiled.MatchString
}

// releases lists those of some proxies, each once.
func releases(all []Proxy) string {
	var found []istio.Release
	for _, p := range all {
		if r, _ := istio.ReleaseOf(p.Version); !slices.Contains(found, r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b istio.Release) int { return cmp.Or(a.Major-b.Major, a.Minor-b.Minor) })
	var names []string
	for _, r := range found[:min(len(found), maxListed)] {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ") + more(len(found)-len(names))
}

// podNames names the first proxies.
func (c *check) podNames(all []Proxy) string {
	var names []string
	for _, p := range all[:min(len(all), maxListed)] {
		name := p.Pod.Name
		if c.options.meshWide(c.aw) {
			name = p.Pod.String()
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ") + more(len(all)-len(names))
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
