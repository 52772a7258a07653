// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// TestWebhookScaledToZeroAndBack: objects that are made while no webhook runs get
// the same EnvoyFilters from the controller alone, and keep them when the webhook
// returns.
func TestWebhookScaledToZeroAndBack(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, module := pushed(t, "alone:v1")
	with := suite.Manifest{Name: "with", Source: suite.Image(ref)}
	cluster.Apply(t, ns, with.String())
	cluster.WaitPhase(t, ns, "with", v1alpha1.PhaseSynced)

	if err := cluster.DeleteManifests(t.Context(), "webhook"); err != nil {
		t.Fatal(err)
	}
	restart(t, "--webhook=false")
	cluster.Apply(t, ns, suite.Manifest{Name: "without", Source: suite.Image(ref)}.String())
	cluster.WaitPhase(t, ns, "without", v1alpha1.PhaseSynced)
	first, second := withoutHashes(filterSpec(t, ns, "with")), withoutHashes(filterSpec(t, ns, "without"))
	if want := strings.ReplaceAll(first, ns+".with", ns+".without"); second != want {
		t.Errorf("the controller alone made\n%s\nwant\n%s", second, want)
	}
	version := filterVersion(t, ns, "without")

	if err := cluster.ApplyManifests(t.Context(), "webhook"); err != nil {
		t.Fatal(err)
	}
	restart(t)
	cluster.WaitPhase(t, ns, "without", v1alpha1.PhaseSynced)
	time.Sleep(2 * time.Second)
	if after := filterVersion(t, ns, "without"); after != version {
		t.Errorf("the webhook's return wrote the EnvoyFilter: resourceVersion %s, was %s", after, version)
	}
	requireServed(t, suite.SHA256(module))
}

// TestWebhookAwayBlocksOnlyAutoWasms: failurePolicy Fail concerns our kind alone.
func TestWebhookAwayBlocksOnlyAutoWasms(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "away:v1")
	if err := cluster.StopWasmer(); err != nil {
		t.Fatal(err)
	}
	restartAfter(t)
	cluster.Refused(t, ns, suite.Manifest{Name: "blocked", Source: suite.Image(ref)}.String(), "mutate.wasm.tcm.io")
	cluster.Apply(t, ns, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: free}\n")
}

// TestRestartNeedsNoSource proves invariant 5: what was fetched is served after a
// restart although its source is gone, and nothing is written.
func TestRestartNeedsNoSource(t *testing.T) {
	ns := cluster.Namespace(t)
	module := wasmtest.Module(wasmtest.Salt(t.Name()))
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(module) }))
	cluster.Apply(t, ns, suite.Manifest{Name: "kept", Source: suite.Object(source.URL+"/f.wasm", "")}.String())
	aw := cluster.WaitPhase(t, ns, "kept", v1alpha1.PhaseSynced)
	version := filterVersion(t, ns, "kept")
	source.Close()

	if err := cluster.RestartWasmer(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireServed(t, suite.SHA256(module))
	time.Sleep(3 * time.Second)
	after, err := cluster.AutoWasm(t.Context(), ns, "kept")
	if err != nil || after.ResourceVersion != aw.ResourceVersion {
		t.Errorf("the restart wrote the AutoWasm: %+v, was %+v (%v)", after.Status, aw.Status, err)
	}
	if got := filterVersion(t, ns, "kept"); got != version {
		t.Errorf("the restart wrote the EnvoyFilter: resourceVersion %s, was %s", got, version)
	}
}

// TestNewReplicaFillsFromTheSource: a replica with an empty store serves what
// AutoWasms name.
func TestNewReplicaFillsFromTheSource(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, module := pushed(t, "replica:v1")
	cluster.Apply(t, ns, suite.Manifest{Name: "shared", Source: suite.Image(ref)}.String())
	cluster.WaitPhase(t, ns, "shared", v1alpha1.PhaseSynced)
	replica := cluster.NewWasmer("second")
	if err := replica.Start(t.Context(), "--webhook=false"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := replica.Stop(); err != nil {
			t.Errorf("stop the second replica: %v", err)
		}
	})
	suite.RequireServed(t, replica.URL, suite.SHA256(module))
	suite.RequireStatus(t, replica.URL, strings.Repeat("0", 64), http.StatusNotFound)
}

// TestStageOff: admission creates nothing; the controller does, once the object
// is persisted.
func TestStageOff(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "unstaged:v1")
	restart(t, "--stage=false", "--controller=false")
	restartAfter(t)
	cluster.Apply(t, ns, suite.Manifest{Name: "later", Source: suite.Image(ref)}.String())
	suite.Never(t, 2*time.Second, "admission created an EnvoyFilter", func(ctx context.Context) error {
		_, err := cluster.EnvoyFilter(ctx, ns, "later")
		return err
	})
	restart(t, "--stage=false")
	cluster.WaitPhase(t, ns, "later", v1alpha1.PhaseSynced)
}

// TestSourceCheckWarn: a terminal failure only warns.
func TestSourceCheckWarn(t *testing.T) {
	ns := cluster.Namespace(t)
	restart(t, "--source-check=Warn")
	restartAfter(t)
	out := cluster.Apply(t, ns, suite.Manifest{Name: "warned", Source: suite.Image(cluster.Registry + "/not/there:v1")}.String())
	if !strings.Contains(out.Stderr, "Warning:") || !strings.Contains(out.Stderr, "not/there:v1") {
		t.Errorf("no warning about the missing image: %q", out.Stderr)
	}
	aw := cluster.WaitPhase(t, ns, "warned", v1alpha1.PhaseFailed)
	if !strings.Contains(aw.Status.Message, "not/there:v1") {
		t.Errorf("the status does not say why: %q", aw.Status.Message)
	}
	if _, err := cluster.EnvoyFilter(t.Context(), ns, "warned"); !apierrors.IsNotFound(err) {
		t.Errorf("an EnvoyFilter without its module: %v", err)
	}
}

// TestSourceCheckOff: admission does not ask the source at all.
func TestSourceCheckOff(t *testing.T) {
	ns := cluster.Namespace(t)
	asked := make(chan struct{}, 64)
	module := wasmtest.Module(wasmtest.Salt(t.Name()))
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		w.Write(module)
	}))
	t.Cleanup(source.Close)
	restart(t, "--source-check=Off", "--controller=false")
	restartAfter(t)
	cluster.Apply(t, ns, suite.Manifest{Name: "unasked", Source: suite.Object(source.URL+"/f.wasm", "")}.String())
	if len(asked) != 0 {
		t.Error("admission asked the source")
	}
	restart(t, "--source-check=Off")
	cluster.WaitPhase(t, ns, "unasked", v1alpha1.PhaseSynced)
}

// TestCrashWhileStaged proves invariants 2 and 3: wasmer is killed after it has
// staged an EnvoyFilter for an object that never came to be; the next start
// sweeps it.
func TestCrashWhileStaged(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "crash:v1")
	restart(t, "--controller=false")
	restartAfter(t)
	cluster.ForbidAutoWasms(t, ns)
	cluster.Refused(t, ns, suite.Manifest{Name: "staged", Source: suite.Image(ref)}.String(), "exceeded quota")
	if _, err := cluster.EnvoyFilter(t.Context(), ns, "staged"); err != nil {
		t.Fatalf("nothing was staged: %v", err)
	}
	if err := cluster.Wasmer().Kill(); err != nil {
		t.Fatal(err)
	}
	restart(t)
	cluster.WaitGone(t, ns, "staged")
}

// TestModuleGoesAfterItsAutoWasm: a module that nobody names is evicted when its
// retention is over.
func TestModuleGoesAfterItsAutoWasm(t *testing.T) {
	ns := cluster.Namespace(t)
	ref, module := pushed(t, "evicted:v1")
	restart(t, "--retention=1s", "--evict-interval=1s")
	restartAfter(t)
	cluster.Apply(t, ns, suite.Manifest{Name: "evicted", Source: suite.Image(ref)}.String())
	cluster.WaitPhase(t, ns, "evicted", v1alpha1.PhaseSynced)
	time.Sleep(4 * time.Second)
	requireServed(t, suite.SHA256(module))
	if _, err := cluster.Kubectl(t.Context(), "delete", "aw", "evicted", "-n", ns); err != nil {
		t.Fatal(err)
	}
	suite.Eventually(t, func(ctx context.Context) error {
		time.Sleep(5 * time.Second) // asking for a module is using it
		status, _, err := cluster.Served(ctx, suite.SHA256(module))
		if err == nil && status == http.StatusNotFound {
			return nil
		}
		return fmt.Errorf("the module is still served: %d (%v)", status, err)
	})
}

func requireServed(t *testing.T, sum string) {
	t.Helper()
	suite.RequireServed(t, cluster.Wasmer().URL, sum)
}

func filterSpec(t *testing.T, ns, name string) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "get", "envoyfilter", name, "-n", ns, "-o", "jsonpath={.spec}")
	if err != nil {
		t.Fatal(err)
	}
	return out.Stdout
}

func filterVersion(t *testing.T, ns, name string) string {
	t.Helper()
	ef, err := cluster.EnvoyFilter(t.Context(), ns, name)
	if err != nil {
		t.Fatal(err)
	}
	return ef.ResourceVersion
}

// pluginHashes are those in the name of a plugin, which follow from the rest and the AutoWasm's name.
var pluginHashes = regexp.MustCompile(`\.[0-9a-f]{8}\.[0-9a-f]{8}"`)

func withoutHashes(spec string) string { return pluginHashes.ReplaceAllString(spec, `"`) }
