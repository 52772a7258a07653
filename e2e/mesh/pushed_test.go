// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/suite"
)

const routerFilter = "envoy.filters.http.router"

// TestWhatIstiodPushes asks istiod for a workload's configuration: on the AutoWasm's port, and on no other, our filter
// is in each chain, right before the router.
func TestWhatIstiodPushes(t *testing.T) {
	w := workload(t, "pushed")
	before := pushed(t, w)
	if before.Cluster(WasmerCluster) == nil {
		t.Errorf("there is no cluster %s", WasmerCluster)
	}
	requireBeforeRouter(t, before, w, InboundPort, "")
	applyTutorial(t, "pushed", "pushed")
	suite.Eventually(t, func(ctx context.Context) error {
		return hasFilter(ctx, w, "autowasm.default.pushed")
	})

	after := pushed(t, w)
	requireBeforeRouter(t, after, w, InboundPort, "autowasm.default.pushed")
	requireBeforeRouter(t, after, w, OtherPort, "")
	requireBeforeRouter(t, pushed(t, mesh.Details), mesh.Details, InboundPort, "")
}

// hasFilter returns an error while istiod does not push a filter to the workload's tutorial port.
func hasFilter(ctx context.Context, w *Workload, name string) error {
	now, err := ads.Fetch(ctx, mesh.Istiod.Address, w.Node())
	if err != nil {
		return err
	}
	chains := filters(now, w.InboundListener(InboundPort))
	for _, chain := range chains {
		if !slices.Contains(chain, name) {
			return fmt.Errorf("%s has the filters %v", w.Name, chains)
		}
	}
	if len(chains) == 0 {
		return fmt.Errorf("%s has no filters", w.Name)
	}
	return nil
}

// requireBeforeRouter requires both chains of a workload's port, the one for mutual TLS and the one without, to have
// the same filters: those that istiod makes, one of ours before the router if it has a name, and the router.
func requireBeforeRouter(t *testing.T, p *ads.Pushed, w *Workload, port int, ours string) {
	t.Helper()
	chain := istioFilters(routerFilter)
	if ours != "" {
		chain = istioFilters(ours, routerFilter)
	}
	if diff := cmp.Diff([][]string{chain, chain}, filters(p, w.InboundListener(port))); diff != "" {
		t.Errorf("the HTTP filters of %s on port %d (-want +got):\n%s\nof the listeners %v", w.Name, port, diff, p.ListenerNames())
	}
}

// filters are the names of the HTTP filters of each of a listener's chains.
func filters(p *ads.Pushed, listener string) [][]string {
	chains, err := ads.HTTPFilters(p.Listener(listener))
	if err != nil {
		return [][]string{{err.Error()}}
	}
	var names [][]string
	for _, chain := range chains {
		names = append(names, ads.Names(chain))
	}
	return names
}

func pushed(t *testing.T, w *Workload) *ads.Pushed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Timeout)
	defer cancel()
	p, err := ads.Fetch(ctx, mesh.Istiod.Address, w.Node())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// istioFilters are those that istiod puts into every chain, and the given ones behind them.
func istioFilters(behind ...string) []string {
	return append([]string{"envoy.filters.http.grpc_stats", "envoy.filters.http.fault", "envoy.filters.http.cors"}, behind...)
}
