// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestStatusOutlivesWasmer: a wasmer that starts anew finds everything as it was said, and says nothing else: of a filter
// that runs, of another beside it that does not start, and of one that no proxy has a place for.
func TestStatusOutlivesWasmer(t *testing.T) {
	w := workload(t, "outlives")
	sidecar(t, w, ProxyOptions{})
	good := onWorkload(w, "outlives", pushModule(t, "outlives:v1", moduleSaying(t, "earth")), "applyPorts: [9081]")
	trap := wasmtest.Module(wasmtest.Export("proxy_on_vm_start", "ii:i"), wasmtest.Salt("outlives"))
	bad := onWorkload(w, "outlives-not", pushModule(t, "outlives:v2", trap), "applyPorts: [9080]")
	placeless := onWorkload(w, "outlives-nowhere", good.image, "applyPorts: [9999]")
	applyAll(t, good, placeless)
	requireTruth(t, good, w.URL(OtherPort), "200 earth")
	time.Sleep(10 * time.Second) // until wasmer has seen that again, which it does two seconds later
	bad.apply(t)
	all := []autoWasm{good, bad, placeless}
	want := []summary{running(1), failed(v1alpha1.ReasonProxyStartFailed), failed(v1alpha1.ReasonNotInserted)}
	for i, a := range all {
		waitSummary(t, a, want[i])
	}
	before := versions(t, all)
	restartWasmer(t)
	time.Sleep(7 * time.Second) // wasmer leads within a second
	if diff := cmp.Diff(before, versions(t, all)); diff != "" {
		for _, a := range all {
			aw, err := cluster.AutoWasm(t.Context(), namespace, a.name)
			t.Log(summaryOf(aw), aw.Status.Message, aw.Status.Proxies, err)
		}
		t.Errorf("the objects (-before +after):\n%s", diff)
	}
	for i, a := range all {
		waitSummary(t, a, want[i])
	}
	requireWarnings(t, good.name)
}

// versions are those of AutoWasms and their EnvoyFilters.
func versions(t *testing.T, all []autoWasm) (versions []string) {
	t.Helper()
	for _, a := range all {
		aw, err := cluster.AutoWasm(t.Context(), a.space(), a.name)
		if err != nil {
			t.Fatal(err)
		}
		ef, err := cluster.EnvoyFilter(t.Context(), a.space(), a.name)
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, a.name+" "+aw.ResourceVersion+" "+ef.ResourceVersion)
	}
	return versions
}

// restartWasmer stops wasmer and starts it with these flags.
func restartWasmer(t *testing.T, flags ...string) {
	t.Helper()
	if err := cluster.StopWasmer(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Wasmer().Start(context.WithoutCancel(t.Context()), flags...); err != nil {
		t.Fatal(err)
	}
}

// TestProxiesAreNotAsked: a wasmer that asks no proxies says nothing of them, and takes back what was said.
func TestProxiesAreNotAsked(t *testing.T) {
	w := workload(t, "unasked")
	sidecar(t, w, ProxyOptions{})
	trap := wasmtest.Module(wasmtest.Export("proxy_on_vm_start", "ii:i"), wasmtest.Salt("unasked"))
	before := onWorkload(w, "unasked-before", pushModule(t, "unasked:v1", moduleSaying(t, "earth")), "applyPorts: [9081]")
	after := onWorkload(w, "unasked-after", pushModule(t, "unasked:v2", trap), "applyPorts: [9080]")
	before.apply(t)
	requireTruth(t, before, w.URL(OtherPort), "200 earth")

	t.Cleanup(func() { restartWasmer(t) })
	restartWasmer(t, "--proxy-check-interval=0")
	after.apply(t)
	silence := summary{Phase: v1alpha1.PhaseSynced, Ready: isSynced}
	for _, a := range []autoWasm{before, after} {
		if aw := waitSummary(t, a, silence); aw.Status.Proxies != nil {
			t.Errorf("the status of %s has proxies: %+v", a.name, aw.Status.Proxies)
		}
	}
	suite.Eventually(t, func(ctx context.Context) error { return checkAnswer(ctx, w.URL(InboundPort), "503") })
}
