// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
	"github.com/autowasm/autowasm/internal/istio"
)

// TestTheTestedRange is that of the Envoys that these tests run on.
func TestTheTestedRange(t *testing.T) {
	for version, minor := range map[envoy.Version]int{envoy.Oldest: istio.OldestTested, envoy.Newest: istio.NewestTested} {
		if want := fmt.Sprintf("1.%d.", minor+istio.EnvoyMinor); !strings.HasPrefix(string(version), want) {
			t.Errorf("the tests run on Envoy %s, and Istio 1.%d has %s", version, minor, want)
		}
	}
}

// TestUntestedProxies: istiod says which proxies are of a version that a filter could kill. They are named at apply, and
// with --untested-proxies=Refuse no filter comes to them, but for those that are in force.
func TestUntestedProxies(t *testing.T) {
	old, fine := member(t, "aged", "ages"), member(t, "young", "ages")
	sidecar(t, old, ProxyOptions{IstioVersion: "1.28.3"})
	sidecar(t, fine, ProxyOptions{})
	image := pushModule(t, "ages:v1", moduleSaying(t, "earth"))
	a := autoWasm{name: "ages", selector: "{matchLabels: {club: ages}}", image: image, filter: "applyPorts: [9081]"}
	const warning = `Warning: a first Wasm filter can crash Istio 1.28; exclude it by proxyVersion '^1\.3[12]\.': Pods aged-1` + "\n"
	// wasmer knows a proxy some seconds after it has come.
	suite.Eventually(t, func(context.Context) error {
		if out := cluster.Apply(t, namespace, a.String(), "--dry-run=server").Stderr; !strings.Contains(out, warning) {
			return fmt.Errorf("kubectl says %q", out)
		}
		return nil
	})
	tested := a
	tested.name, tested.filter = "ages-tested", `applyPorts: [9081], proxyVersion: '^1\.3[12]\.'`
	if out := cluster.Apply(t, namespace, tested.String()).Stderr; strings.Contains(out, "Warning") {
		t.Errorf("a filter that leaves the old one out: %q", out)
	}
	t.Cleanup(func() { tested.delete(t) })
	requireTruth(t, tested, fine.URL(OtherPort), "200 earth")
	requireAnswer(t, old.URL(OtherPort), "200")
	tested.delete(t)

	a.apply(t)
	waitForAnswer(t, old.URL(OtherPort), "200 earth")
	waitForPreflight(t, namespace, a.name, v1alpha1.ReasonUntestedProxies)
	t.Cleanup(func() { restartWasmer(t) })
	restartWasmer(t, "--untested-proxies=Refuse")
	requireRefused(t, a)
}

// requireRefused requires that nothing comes to the old proxy that is not there, whatever way it takes.
func requireRefused(t *testing.T, inForce autoWasm) {
	t.Helper()
	again := inForce
	again.name = "ages-again"
	suite.Eventually(t, func(context.Context) error { // which is when wasmer has read istiod
		_, err := cluster.TryApply(t, namespace, again.String(), "--dry-run=server")
		if err == nil {
			return fmt.Errorf("it is admitted")
		}
		return nil
	})
	cluster.Refused(t, namespace, again.String(), "spec.filter.proxyVersion: Invalid value", "Pods aged-1; wasmer runs with --untested-proxies=Refuse")

	repaired := inForce
	repaired.filter += ", priority: 7"
	repaired.apply(t)
	cluster.WaitFor(t, namespace, inForce.name, suite.Condition(v1alpha1.ConditionEnvoyFilterApplied, metav1.ConditionTrue, v1alpha1.ReasonApplied))

	unseen := inForce // by the webhooks
	unseen.name, unseen.namespace = "ages-everywhere", gatewayNamespace
	unseen.apply(t)
	aw := cluster.WaitPhase(t, unseen.space(), unseen.name, v1alpha1.PhaseFailed)
	if !strings.Contains(aw.Status.Message, "default/aged-1") || aw.Status.EnvoyFilter != nil {
		t.Errorf("the status is %+v", aw.Status)
	}
	requireNoEnvoyFilter(t, unseen)
}

func requireNoEnvoyFilter(t *testing.T, a autoWasm) {
	t.Helper()
	if _, err := cluster.EnvoyFilter(t.Context(), a.space(), a.name); err == nil {
		t.Errorf("%s has an EnvoyFilter", a.name)
	}
}
