// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
	"github.com/autowasm/autowasm/render"
)

// boot is a proxy that starts while wasmer is away, under one of the failure policies.
type boot struct {
	workload *Workload
	autoWasm autoWasm
	envoy    envoy.Version
	policy   v1alpha1.FailurePolicy
	proxy    *Proxy
}

// TestBootWithoutWasmer: a proxy that starts while wasmer is away has the filter soon after its return by itself. Until
// then one that fails open is ready and passes requests on, and one that fails closed is not ready.
//
// That it takes no more than a minute is seen from the log alone, since a busy machine takes longer. What a busy machine
// does not change is required: a proxy that fails open has had to load again once, and that was enough.
func TestBootWithoutWasmer(t *testing.T) {
	boots := prepareBoots(t)
	withoutWasmer(t, func() {
		for _, b := range boots {
			b.proxy = sidecar(t, b.workload, ProxyOptions{Envoy: b.envoy, NotReady: true})
		}
		for _, b := range boots {
			b.requireWithout(t)
		}
		requireStays(t, boots[0].workload.URL(InboundPort), "200", 12*time.Second) // longer than Envoy remembers a failed load
	})
	began := time.Now()
	for _, b := range boots {
		suite.Eventually(t, func(ctx context.Context) error {
			return errors.Join(b.proxy.Ready(ctx), checkAnswer(ctx, b.workload.URL(InboundPort), "200 earth"))
		})
		t.Logf("Envoy %s, %s: the filter runs %s after wasmer's return", b.envoy, b.policy, time.Since(began).Round(100*time.Millisecond))
	}
	for _, b := range boots {
		waitSummary(t, b.autoWasm, running(1))
		reloads := map[v1alpha1.FailurePolicy]int{v1alpha1.FailOpen: 1, v1alpha1.FailClosed: 0}
		requireReloads(t, b.workload.Name, reloads[b.policy])
	}
}

// prepareBoots has an AutoWasm in force for a workload of each Envoy and policy, without a proxy.
func prepareBoots(t *testing.T) (boots []*boot) {
	t.Helper()
	for i, v := range envoy.Versions() {
		for _, policy := range []v1alpha1.FailurePolicy{v1alpha1.FailOpen, v1alpha1.FailClosed} {
			w := workload(t, strings.ToLower(fmt.Sprintf("boot%d-%s", i, policy)))
			a := onWorkload(w, w.Name, pushModule(t, w.Name+":v1", moduleSaying(t, "earth")),
				fmt.Sprintf("rootID: test, applyPorts: [%d], failurePolicy: %s", InboundPort, policy))
			a.apply(t)
			cluster.WaitPhase(t, namespace, w.Name, v1alpha1.PhaseSynced)
			boots = append(boots, &boot{workload: w, autoWasm: a, envoy: v, policy: policy})
		}
	}
	return boots
}

// requireWithout requires what a proxy does while wasmer is away.
func (b *boot) requireWithout(t *testing.T) {
	t.Helper()
	if b.policy == v1alpha1.FailOpen {
		suite.Eventually(t, b.proxy.Ready)
		requireAnswer(t, b.workload.URL(InboundPort), "200")
		return
	}
	requireAnswer(t, b.workload.URL(InboundPort), refused)
	if err := b.proxy.Ready(t.Context()); err == nil {
		t.Errorf("the proxy of %s is ready", b.workload.Name)
	}
}

// withoutWasmer stops wasmer for as long as something lasts.
func withoutWasmer(t *testing.T, during func()) {
	t.Helper()
	if err := cluster.StopWasmer(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Wasmer().Start(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	during()
}

// requireReloads requires that an EnvoyFilter says how often proxies were to load again.
func requireReloads(t *testing.T, name string, want int) {
	t.Helper()
	ef, err := cluster.EnvoyFilter(t.Context(), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	if count := int(render.ReloadOf(ef)); count != want {
		t.Errorf("the proxies of %s were to load again %d times, want %d", name, count, want)
	}
}
