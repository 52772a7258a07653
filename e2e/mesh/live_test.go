// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/envoy"
)

// TestTutorialOnLiveTraffic is the tutorial's end: the header comes within seconds of kubectl apply, from the same
// process, and goes with kubectl delete.
func TestTutorialOnLiveTraffic(t *testing.T) {
	pid := mesh.Sidecar.PID()
	requireAnswer(t, mesh.EnvoyInboundURL, "200")
	applyTutorial(t, "live", "details")
	began := time.Now()
	waitForAnswer(t, mesh.EnvoyInboundURL, "200 world")
	t.Logf("the first response with the header came %s after kubectl apply", time.Since(began).Round(time.Millisecond))
	requireAnswer(t, mesh.Details.URL(OtherPort), "200")
	waitForAnswer(t, mesh.GatewayURL, "200 world")

	deleteAutoWasm(t, "live")
	waitForAnswer(t, mesh.EnvoyInboundURL, "200")
	if mesh.Sidecar.PID() != pid || !mesh.Sidecar.Running() {
		t.Error("it is not the same Envoy process")
	}
}

// eachEnvoy runs a test with a sidecar of every pinned version, on a workload of its own, all at once.
func eachEnvoy(t *testing.T, name string, test func(t *testing.T, w *Workload, v envoy.Version)) {
	for i, v := range envoy.Versions() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			test(t, workload(t, name+string(rune('a'+i))), v)
		})
	}
}

// TestTutorialOnEachEnvoy: a module of plain Go runs on each.
func TestTutorialOnEachEnvoy(t *testing.T) {
	t.Parallel()
	eachEnvoy(t, "each", func(t *testing.T, w *Workload, v envoy.Version) {
		sidecar(t, w, ProxyOptions{Envoy: v})
		applyTutorial(t, w.Name, w.Name)
		waitForAnswer(t, w.URL(InboundPort), "200 world")
		requireAnswer(t, w.URL(OtherPort), "200")
	})
}

// sidecar starts a workload's sidecar, which is stopped after the test.
func sidecar(t testing.TB, w *Workload, o ProxyOptions) *Proxy {
	t.Helper()
	p, err := mesh.StartSidecar(t.Context(), w, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	diagnoseProxies(t, p)
	return p
}

func stop(t testing.TB, p *Proxy) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

// TestGatewayKeepsNoConnections: the gateway has taken freshConnections.
func TestGatewayKeepsNoConnections(t *testing.T) {
	t.Parallel()
	suite.Eventually(t, func(ctx context.Context) error {
		page, err := adminPage(ctx, mesh.Gateway.Proxy, "/config_dump?resource=dynamic_active_clusters&name_regex=.*details.*")
		if err == nil && !strings.Contains(page, `"max_requests_per_connection": 1`) {
			return errors.New("the gateway keeps connections to details: " + page)
		}
		return err
	})
}
