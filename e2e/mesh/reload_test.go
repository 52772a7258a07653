package mesh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/envoy"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/render"
)

// back is how long after wasmer's return a proxy may still be without the filter.
const back = 60 * time.Second

// boot is a proxy that starts while wasmer is away, under one of the failure policies.
type boot struct {
	workload *Workload
	envoy    envoy.Version
	policy   v1alpha1.FailurePolicy
	proxy    *Proxy
}

// TestBootWithoutWasmer: a proxy that starts while wasmer is away has the filter within a minute of its return, and
// nobody does anything. Until then one that fails open is ready soon and passes requests on, and one that fails closed
// is not ready.
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
		suite.Eventually(t, back-time.Since(began), func(ctx context.Context) error {
			return errors.Join(b.proxy.Ready(ctx), checkAnswer(ctx, b.workload.URL(InboundPort), "200 world"))
		})
		t.Logf("Envoy %s, %s: the filter runs %s after wasmer's return", b.envoy, b.policy, time.Since(began).Round(100*time.Millisecond))
	}
	for _, b := range boots {
		waitReady(t, b.workload.Name)
		requireReloads(t, b.workload.Name, b.policy == v1alpha1.FailOpen)
	}
}

// prepareBoots has an AutoWasm in force for a workload of each Envoy and policy, without a proxy.
func prepareBoots(t *testing.T) (boots []*boot) {
	t.Helper()
	for i, v := range envoy.Versions() {
		for _, policy := range []v1alpha1.FailurePolicy{v1alpha1.FailOpen, v1alpha1.FailClosed} {
			w := workload(t, strings.ToLower(fmt.Sprintf("boot%d-%s", i, policy)))
			autoWasm{
				name: w.Name, selector: fmt.Sprintf("{matchLabels: {app: %s}}", w.Name), image: pushExample(t, w.Name),
				filter: fmt.Sprintf("rootID: test, applyPorts: [%d], failurePolicy: %s", InboundPort, policy),
			}.apply(t)
			cluster.WaitPhase(t, namespace, w.Name, v1alpha1.PhaseSynced)
			boots = append(boots, &boot{workload: w, envoy: v, policy: policy})
		}
	}
	return boots
}

// requireWithout requires what a proxy does while wasmer is away.
func (b *boot) requireWithout(t *testing.T) {
	t.Helper()
	if b.policy == v1alpha1.FailOpen {
		suite.Eventually(t, 15*time.Second, b.proxy.Ready)
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

// requireReloads requires that an EnvoyFilter says whether proxies were told to load again.
func requireReloads(t *testing.T, name string, want bool) {
	t.Helper()
	ef, err := cluster.EnvoyFilter(t.Context(), namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	if count := render.ReloadOf(ef); (count > 0) != want {
		t.Errorf("the proxies of %s were told %d times to load again", name, count)
	}
}

// waitReady waits until an AutoWasm says that its proxies run it.
func waitReady(t *testing.T, name string) {
	t.Helper()
	suite.Eventually(t, suite.Patience, func(ctx context.Context) error {
		aw, err := cluster.AutoWasm(ctx, namespace, name)
		if err == nil && (aw.Status.Proxies == nil || aw.Status.Proxies.Running != 1 || aw.Status.Phase != v1alpha1.PhaseSynced) {
			return fmt.Errorf("AutoWasm %s is %s: %s, with proxies %+v", name, aw.Status.Phase, aw.Status.Message, aw.Status.Proxies)
		}
		return err
	})
}
