// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/autowasm/autowasm/api/v1alpha1"
)

// arriving is a cluster without Istio, whose kinds are polled for, and where Istio is then installed.
type arriving struct {
	installed atomic.Bool
	kinds     *Kinds
	loader    *Loader
	added     []string
	done      chan error
}

func newArriving(t *testing.T, denied ...string) *arriving {
	t.Helper()
	a := &arriving{done: make(chan error, 1)}
	config := serveCluster(t, func() cluster {
		groups := meshed()
		if !a.installed.Load() {
			groups = map[string][]string{"v1": groups["v1"]}
		}
		return cluster{groups: groups, denied: denied}
	}, everyManifest...)
	var err error
	if a.kinds, err = Discover(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	a.kinds.onAdd(func(gvk schema.GroupVersionKind) { a.added = append(a.added, gvk.Kind) })
	c := started(t, config, a.kinds)
	a.loader = &Loader{Reader: c, Kinds: a.kinds, Options: options}
	arrivals := &Arrivals{Config: config, Cache: c, Kinds: a.kinds, interval: time.Millisecond}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan struct{})
	go func() { defer close(ended); a.done <- arrivals.Start(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return a
}

func (a *arriving) reasons(t *testing.T) (reasons []v1alpha1.Reason) {
	t.Helper()
	findings, err := a.loader.Findings(t.Context(), autoWasm("", 9080))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		reasons = append(reasons, f.Reason)
	}
	return reasons
}

// TestKindsThatComeAreRead: without a restart, and not before.
func TestKindsThatComeAreRead(t *testing.T) {
	a := newArriving(t)
	if a.kinds.Has(Sidecars) || !a.kinds.Absent(Sidecars) || a.kinds.Absent(Pods) {
		t.Error("the kinds of a cluster without Istio are others")
	}
	if got := a.reasons(t); len(got) != 0 {
		t.Errorf("findings without Istio: %v", got)
	}
	a.installed.Store(true)
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	slices.Sort(a.added)
	want := []string{"DestinationRule", "PeerAuthentication", "ServiceEntry", "Sidecar", "WorkloadEntry"}
	if diff := cmp.Diff(want, a.added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if got := a.reasons(t); !slices.Contains(got, v1alpha1.ReasonModuleServerHidden) {
		t.Errorf("findings with a Sidecar that hides the module server: %v", got)
	}
	if a.kinds.Absent(Sidecars) {
		t.Error("a kind is absent that has come")
	}
}

// TestKindsThatComeAndMayNotBeWatched: they are not polled for any more, and the others are read.
func TestKindsThatComeAndMayNotBeWatched(t *testing.T) {
	a := newArriving(t, "watch sidecars")
	a.installed.Store(true)
	if err := <-a.done; err != nil {
		t.Fatal(err)
	}
	if a.kinds.Has(Sidecars) || a.kinds.Absent(Sidecars) || !a.kinds.Has(DestinationRules) {
		t.Errorf("the kinds are %v", a.kinds.all())
	}
}
