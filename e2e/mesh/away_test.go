// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

// chains is how many filter chains an inbound port has, each of which loads the module.
const chains = 2

// given is what a proxy answers by a failure policy when its last retry is over.
var given = map[v1alpha1.FailurePolicy]string{
	v1alpha1.FailClosed: "503",
	v1alpha1.FailReload: "503",
	v1alpha1.FailOpen:   "200",
}

// eachPolicy runs a test with a workload for each failure policy, all at once.
func eachPolicy(t *testing.T, name string, test func(t *testing.T, f byHand)) {
	for i, policy := range []v1alpha1.FailurePolicy{v1alpha1.FailClosed, v1alpha1.FailOpen, v1alpha1.FailReload} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel() // most of the time they wait
			f, _ := twoFilters(t, workload(t, name+string(rune('a'+i))), "")
			f.policy = policy
			test(t, f)
		})
	}
}

// TestUpdateWhileAway: the old module serves until the last retry. Then the new listener takes over without a module,
// and stays so when the server is back, until something changes its configuration.
func TestUpdateWhileAway(t *testing.T) {
	t.Parallel()
	eachPolicy(t, "update", func(t *testing.T, f byHand) {
		url := f.workload.URL(InboundPort)
		sidecar(t, f.workload, ProxyOptions{Envoy: envoy.Newest})
		f.apply(t)
		waitForAnswer(t, url, "200 earth")
		f.server.goAway()
		f.module = f.server.module("marsx")
		f.apply(t)
		waitThrough(t, url, "200 earth", given[f.policy])
		f.server.comeBack()
		requireStays(t, url, given[f.policy], 12*time.Second) // longer than Envoy remembers a failed load
		f.retries++                                           // any change will do
		f.apply(t)
		waitThrough(t, url, given[f.policy], "200 marsx")
	})
}

// TestBootWhileAway: a proxy neither listens nor is ready until the last retry, whatever the policy, and is ready then
// without the module, for good.
func TestBootWhileAway(t *testing.T) {
	t.Parallel()
	eachPolicy(t, "boot", func(t *testing.T, f byHand) {
		url := f.workload.URL(InboundPort)
		f.server.hold() // so that the first try lasts until the test has looked
		f.apply(t)
		waitForFilter(t, f)
		p := sidecar(t, f.workload, ProxyOptions{Envoy: envoy.Newest, NotReady: true})
		f.server.waitForRequests(chains)
		requireAnswer(t, url, refused)
		if err := p.Ready(t.Context()); err == nil {
			t.Error("it is ready")
		}
		f.server.goAway()
		waitThrough(t, url, refused, given[f.policy])
		suite.Eventually(t, p.Ready)
		f.server.comeBack()
		requireStays(t, url, given[f.policy], 12*time.Second)
	})
}

// TestServersReturnIsEnough: with the retries that AutoWasm renders for a filter that fails closed, for an update and for
// a boot.
func TestServersReturnIsEnough(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "patient", func(t *testing.T, w *Workload, v envoy.Version) {
		f, _ := twoFilters(t, w, "")
		f.retries = 0 // what render makes of the policy
		url := w.URL(InboundPort)
		f.server.goAway()
		f.apply(t)
		waitForFilter(t, f)
		p := sidecar(t, w, ProxyOptions{Envoy: v, NotReady: true})
		requireStays(t, url, refused, 5*time.Second)
		f.server.comeBack()
		waitThrough(t, url, refused, "200 earth")
		suite.Eventually(t, p.Ready)

		f.server.goAway()
		f.module = f.server.module("marsx")
		f.apply(t)
		requireStays(t, url, "200 earth", 5*time.Second)
		f.server.comeBack()
		waitThrough(t, url, "200 earth", "200 marsx")
	})
}

// TestRequestsOfAChange counts what a proxy asks the server: a request for each chain when the module is new, and none
// when it has the module.
func TestRequestsOfAChange(t *testing.T) {
	eachEnvoy(t, "count", func(t *testing.T, w *Workload, v envoy.Version) {
		f, _ := twoFilters(t, w, "")
		sidecar(t, w, ProxyOptions{Envoy: v})
		for _, step := range []struct {
			module string
			want   int // requests so far
		}{{"earth", chains}, {"marsx", 2 * chains}, {"earth", 2 * chains}} {
			f.module = f.server.module(step.module)
			f.apply(t)
			waitForAnswer(t, w.URL(InboundPort), "200 "+step.module)
			if got := f.server.requests(); got != step.want {
				t.Errorf("after %s the server was asked %d times, want %d", step.module, got, step.want)
			}
		}
	})
}

// waitForFilter waits until istiod pushes the filter.
func waitForFilter(t *testing.T, f byHand) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		return hasFilter(ctx, f.workload, "autowasm."+namespace+"."+f.name)
	})
}
