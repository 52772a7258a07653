// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// TestProxiesComeAndGo: a status counts the proxies that there are, without a touch of the AutoWasm.
func TestProxiesComeAndGo(t *testing.T) {
	t.Parallel()
	first, second := member(t, "comes", "club"), member(t, "goes", "club")
	sidecar(t, first, ProxyOptions{})
	club := autoWasm{
		name: "club", selector: "{matchLabels: {club: club}}", image: pushModule(t, "club:v1", moduleSaying(t, "earth")),
		filter: "applyPorts: [9081]",
	}
	club.apply(t)
	requireTruth(t, club, first.URL(OtherPort), "200 earth")
	waitSummary(t, club, running(1))

	p := sidecar(t, second, ProxyOptions{})
	waitSummary(t, club, running(2), "; 2 of 2 selected proxies run the module")
	requireAnswer(t, second.URL(OtherPort), "200 earth")
	stop(t, p)
	waitSummary(t, club, running(1))
	requireWarnings(t, club.name)
}

// member starts a workload, without a sidecar, whose Pod has a label club.
func member(t *testing.T, name, club string) *Workload {
	t.Helper()
	w := workload(t, name)
	if _, err := cluster.Kubectl(t.Context(), "label", "pod", w.Pod.Name, "-n", namespace, "club="+club); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestNoProxies: an AutoWasm that selects none is in force, and says so.
func TestNoProxies(t *testing.T) {
	t.Parallel()
	w := workload(t, "without") // and without a sidecar
	a := onWorkload(w, w.Name, pushModule(t, w.Name+":v1", moduleSaying(t, "earth")), "applyPorts: [9081]")
	a.apply(t)
	without := summary{Phase: v1alpha1.PhaseSynced, Ready: isSynced, Loaded: noProxies}
	if aw := waitSummary(t, a, without); aw.Status.Proxies != nil {
		t.Errorf("the status has proxies: %+v", aw.Status.Proxies)
	}
	sidecar(t, w, ProxyOptions{})
	waitSummary(t, a, running(1))
}

// TestGatewaysAlone: an AutoWasm for gateways, be it for those of the whole mesh, counts no sidecar.
func TestGatewaysAlone(t *testing.T) {
	t.Parallel()
	suite.Eventually(t, func(ctx context.Context) error { return answersAll(ctx, mesh.GatewayURL, "200") })
	a := autoWasm{name: "gateways", namespace: gatewayNamespace, image: pushModule(t, "gateways:v1", moduleSaying(t, "world")), filter: "context: Gateway"}
	a.apply(t)
	requireTruth(t, a, mesh.GatewayURL, "200 world")
	waitSummary(t, a, running(1))
}
