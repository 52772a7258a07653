// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
)

// untested is a view with selected proxies of versions.
func untested(versions ...string) func(*View) {
	return func(v *View) {
		for i, version := range versions {
			v.Untested = append(v.Untested, Proxy{Pod: types.NamespacedName{Namespace: "shop", Name: fmt.Sprint("details-", i+1)}, Version: version})
		}
	}
}

func TestCheckUntested(t *testing.T) {
	forVersions := func(expression string) *v1alpha1.AutoWasm {
		aw := autoWasm("")
		aw.Spec.Filter.ProxyVersion = expression
		return aw
	}
	meshWide := autoWasm("")
	meshWide.Namespace = "istio-system"
	const crash, other = "a first Wasm filter can crash Istio 1.28; exclude it by proxyVersion '^1\\.3[12]\\.': Pods details-1",
		"AutoWasm is not tested on Istio 1.30; exclude it by proxyVersion '^1\\.3[12]\\.': Pods "
	of := func(messages ...string) (all []Finding) {
		for _, m := range messages {
			all = append(all, Finding{Reason: v1alpha1.ReasonUntestedProxies, Message: m})
		}
		return all
	}
	runChecks(t, []checkCase{
		{"one that can die", autoWasm(""), good(untested("1.28.3")), of(crash)},
		{"both kinds", autoWasm(""), good(untested("1.28.3", "1.30.0")), of(crash, other+"details-2")},
		{"the whole mesh", meshWide, good(untested("1.30.0")), of(other + "shop/details-1")},
		{"before the ports", autoWasm("", 9081), good(untested("1.28.3")), append(of(crash),
			one(v1alpha1.ReasonPortNotFound, "port 9081 is not a target port of a Service for the selected pods: choose of 9080")...)},
		{"excluded", forVersions(istio.TestedExpression), good(untested("1.28.3", "1.30.0")), nil},
		{"one is excluded", forVersions(`^1\.28`), good(untested("1.28.3", "1.30.0")), of(crash)},
		{"an expression that is none", forVersions(`(`), good(untested("1.28.3")), nil},
		{"nothing is selected", autoWasm("", 9081), good(workloads(), untested("1.28.3")), early(v1alpha1.ReasonNoPodSelected,
			"app=details matches no pod of namespace shop: correct spec.selector, or deploy what it is to match")},
	})
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprintf("1.%d.0", 20+i%8)
	}
	want := of("AutoWasm is not tested on Istio 1.20, 1.21, 1.22 and 5 more; exclude it by proxyVersion '^1\\.3[12]\\.': Pods details-1, details-2, details-3 and 47 more")
	if diff := cmp.Diff(want, Check(autoWasm(""), good(untested(many...)), options)); diff != "" {
		t.Errorf("many (-want +got):\n%s", diff)
	}
}

// TestUntestedModes: findings are refused alone where that was asked for, and those of versions alone.
func TestUntestedModes(t *testing.T) {
	view := good(services(), untested("1.28.3"))
	for mode, want := range map[Untested][]bool{"": {false, false}, WarnUntested: {false, false}, RefuseUntested: {true, false}, AllowUntested: {false}} {
		o := options
		o.UntestedProxies = mode
		var got []bool
		for _, f := range Check(autoWasm("", 9080), view, o) {
			got = append(got, f.Refused)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: refused (-want +got):\n%s", mode, diff)
		}
	}
}
