// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/e2e/suite"
)

// wasmerNamespace is where wasmer keeps its Lease.
const wasmerNamespace = "istio-system"

// TestLeaderFailover proves invariant 3 for the crash of the replica that writes:
// the other one takes over when the lease has run out, and brings into force what
// has changed meanwhile.
func TestLeaderFailover(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "failover:v1")
	p := startPair(t)
	leader := holder(t)
	aw := suite.NewAutoWasm(ns, "survivor", ref)
	if err := cluster.Client.Create(t.Context(), aw); err != nil {
		t.Fatal(err)
	}
	cluster.WaitAllSynced(t, ns, 1)
	if now := holder(t); now != leader {
		t.Fatalf("the lease went from %s to %s while nothing happened", leader, now)
	}

	began := time.Now()
	if err := p.first.Kill(); err != nil { // the leader: see startPair
		t.Fatal(err)
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"filter":{"rootID":"after-the-crash"}}}`))
	suite.Eventually(t, func(ctx context.Context) error { return cluster.Client.Patch(ctx, aw, patch) })
	suite.Eventually(t, func(ctx context.Context) error { return inForce(ctx, ns, "survivor", "after-the-crash") })
	t.Logf("converged %s after the crash", time.Since(began))
	cluster.WaitAllSynced(t, ns, 1)
	if now := holder(t); now == leader {
		t.Errorf("the lease is still held by the replica that was killed, %s", leader)
	}
}

// holder is who holds wasmer's lease.
func holder(t *testing.T) string {
	t.Helper()
	lease := &coordinationv1.Lease{}
	var identity string
	suite.Eventually(t, func(ctx context.Context) error {
		if err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: wasmerNamespace, Name: "wasmer"}, lease); err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
			return errors.New("nobody holds the lease")
		}
		identity = *lease.Spec.HolderIdentity
		return nil
	})
	return identity
}

// inForce succeeds when an EnvoyFilter has a word in its spec.
func inForce(ctx context.Context, ns, name, word string) error {
	out, err := cluster.Kubectl(ctx, "get", "envoyfilter", name, "-n", ns, "-o", "jsonpath={.spec}")
	if err != nil {
		return err
	}
	if !strings.Contains(out.Stdout, `"`+word+`"`) {
		return fmt.Errorf("EnvoyFilter %s/%s has no %q", ns, name, word)
	}
	return nil
}
