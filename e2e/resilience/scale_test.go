// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	istiov1alpha3 "istio.io/client-go/pkg/apis/networking/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
)

// idleObjects is how many AutoWasms TestRestartWritesNothing has.
const idleObjects = 1000

// TestRestartWritesNothing proves invariant 4: after a restart wasmer looks at each
// of a thousand idle AutoWasms, and writes neither one of them nor an EnvoyFilter.
func TestRestartWritesNothing(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "idle:v1")
	began := time.Now()
	createMany(t, ns, ref, idleObjects)
	t.Logf("%d creates took %s", idleObjects, time.Since(began))
	cluster.WaitAllSynced(t, ns, idleObjects)
	t.Logf("all are Synced %s after the first create", time.Since(began))
	logMemory(t, "before the restart")

	before := versions(t, ns)
	if err := cluster.RestartWasmer(t.Context()); err != nil {
		t.Fatal(err)
	}
	holder(t)
	time.Sleep(10 * time.Second)
	if diff := cmp.Diff(before, versions(t, ns)); diff != "" {
		t.Errorf("the restart wrote (-before +after)\n%s", diff)
	}
	logMemory(t, "after the restart")
}

// createMany creates AutoWasms of one image, a few at a time.
func createMany(t *testing.T, ns, image string, count int) {
	t.Helper()
	names := make(chan string)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for name := range names {
				if err := cluster.Client.Create(t.Context(), suite.NewAutoWasm(ns, name, image)); err != nil {
					t.Errorf("create %s: %v", name, err)
				}
			}
		})
	}
	for i := range count {
		names <- fmt.Sprintf("idle-%04d", i)
	}
	close(names)
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// versions are the resourceVersions of all AutoWasms and EnvoyFilters in a
// namespace.
func versions(t *testing.T, ns string) map[string]string {
	t.Helper()
	autoWasms, filters := &v1alpha1.AutoWasmList{}, &istiov1alpha3.EnvoyFilterList{}
	found := map[string]string{}
	for _, list := range []client.ObjectList{autoWasms, filters} {
		if err := cluster.Client.List(t.Context(), list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range autoWasms.Items {
		found["AutoWasm "+autoWasms.Items[i].Name] = autoWasms.Items[i].ResourceVersion
	}
	for _, ef := range filters.Items {
		found["EnvoyFilter "+ef.Name] = ef.ResourceVersion
	}
	if len(found) != 2*idleObjects {
		t.Fatalf("there are %d objects, want %d", len(found), 2*idleObjects)
	}
	return found
}

func logMemory(t *testing.T, when string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		resident, err := suite.Metric(ctx, cluster.Wasmer().MetricsURL, "process_resident_memory_bytes")
		if err == nil {
			t.Logf("wasmer's resident memory %s: %.0f MiB", when, resident/(1<<20))
		}
		return err
	})
}
