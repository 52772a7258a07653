// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// pushed pushes a tiny module of its own for a test and returns the image's
// reference and the module.
func pushed(t *testing.T, repository string, options ...wasmtest.Option) (string, []byte) {
	t.Helper()
	module := wasmtest.Module(append(options, wasmtest.Salt(t.Name()+repository))...)
	img, err := image.Image(module, "0.2.1")
	if err != nil {
		t.Fatalf("make an image: %v", err)
	}
	return cluster.Push(t, repository, img), module
}

// synced applies an AutoWasm of an image and waits until it is in force.
func synced(t *testing.T, ns string, m suite.Manifest) *v1alpha1.AutoWasm {
	t.Helper()
	cluster.Apply(t, ns, m.String())
	return cluster.WaitPhase(t, ns, m.Name, v1alpha1.PhaseSynced)
}

// TestDryRunLeavesNothing proves invariant 2 for dry runs, of creates and of
// updates, client- and server-side.
func TestDryRunLeavesNothing(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "dryrun:v1")
	manifest := suite.Manifest{Name: "dry", Source: suite.Image(ref)}.String()
	for _, args := range [][]string{{"--dry-run=server"}, {"--dry-run=server", "--server-side"}} {
		out := cluster.Apply(t, ns, manifest, args...)
		if !strings.Contains(out.Stdout, "dry run") {
			t.Errorf("kubectl apply %v printed %q", args, out.Stdout)
		}
	}
	suite.Never(t, time.Second, "a dry run left an EnvoyFilter", func(ctx context.Context) error {
		_, err := cluster.EnvoyFilter(ctx, ns, "dry")
		return err
	})
	if _, err := cluster.AutoWasm(t.Context(), ns, "dry"); !apierrors.IsNotFound(err) {
		t.Errorf("a dry run left an AutoWasm: %v", err)
	}
}

// TestDryRunOfAnUpdateChangesNothing proves invariant 2 for updates.
func TestDryRunOfAnUpdateChangesNothing(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "dryupdate:v1")
	synced(t, ns, suite.Manifest{Name: "dry", Source: suite.Image(ref)})
	before := envoyFilterVersion(t, ns, "dry")
	cluster.Apply(t, ns, suite.Manifest{Name: "dry", Source: suite.Image(ref), Filter: "rootID: other"}.String(), "--dry-run=server")
	time.Sleep(time.Second)
	if after := envoyFilterVersion(t, ns, "dry"); after != before {
		t.Errorf("a dry run wrote the EnvoyFilter: resourceVersion %s, was %s", after, before)
	}
}

// TestDryRunShowsRefusals: a dry run goes the whole way.
func TestDryRunShowsRefusals(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	manifest := suite.Manifest{Name: "dry", Source: suite.Image(cluster.Registry + "/does/not:exist")}.String()
	_, err := cluster.TryApply(t, ns, manifest, "--dry-run=server")
	if err == nil || !strings.Contains(err.Error(), "spec.filter.source.registry.image") {
		t.Errorf("a dry run of a missing image answered %v", err)
	}
}

// TestApplyTwiceChangesNothing proves invariant 4: nothing is written, and
// nothing differs.
func TestApplyTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "twice:v1")
	m := suite.Manifest{Name: "twice", Source: suite.Image(ref), Filter: "applyPorts: [9080, 9081], config: {b: 1, a: [true, null]}"}
	aw := synced(t, ns, m)
	filter := envoyFilterVersion(t, ns, "twice")
	out := cluster.Apply(t, ns, m.String())
	if want := "autowasm.wasm.tcm.io/twice unchanged\n"; out.Stdout != want {
		t.Errorf("the second apply printed %q, want %q", out.Stdout, want)
	}
	if out, err := cluster.KubectlInput(t.Context(), m.String(), "diff", "-n", ns, "-f", "-"); err != nil {
		t.Errorf("kubectl diff: %v\n%s", err, out.Stdout)
	}
	time.Sleep(2 * time.Second)
	after, err := cluster.AutoWasm(t.Context(), ns, "twice")
	if err != nil || after.ResourceVersion != aw.ResourceVersion {
		t.Errorf("the AutoWasm was written: resourceVersion %s, was %s (%v)", after.ResourceVersion, aw.ResourceVersion, err)
	}
	if after := envoyFilterVersion(t, ns, "twice"); after != filter {
		t.Errorf("the EnvoyFilter was written: resourceVersion %s, was %s", after, filter)
	}
}

// TestServerSideApplyWithASecondManager: two managers own different fields, and
// neither they nor our defaults conflict.
func TestServerSideApplyWithASecondManager(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "ssa:v1")
	m := suite.Manifest{Name: "ssa", Source: suite.Image(ref)}
	cluster.Apply(t, ns, m.String(), "--server-side", "--field-manager=gitops")
	cluster.WaitPhase(t, ns, "ssa", v1alpha1.PhaseSynced)
	second := "apiVersion: wasm.tcm.io/v1alpha1\nkind: AutoWasm\nmetadata: {name: ssa}\nspec: {filter: {rootID: second}}\n"
	cluster.Apply(t, ns, second, "--server-side", "--field-manager=second", "--validate=ignore")
	aw := cluster.WaitPhase(t, ns, "ssa", v1alpha1.PhaseSynced)
	if aw.Spec.Filter.RootID != "second" {
		t.Errorf("rootID %q, want the second manager's", aw.Spec.Filter.RootID)
	}
	cluster.Apply(t, ns, m.String(), "--server-side", "--field-manager=gitops")
	again := cluster.WaitPhase(t, ns, "ssa", v1alpha1.PhaseSynced)
	if again.ResourceVersion != aw.ResourceVersion {
		t.Errorf("applying the same again wrote: resourceVersion %s, was %s", again.ResourceVersion, aw.ResourceVersion)
	}
}

// TestServerSideApplyIsExact: what another manager adds to the ports, the labels and the variables that one applies is a
// conflict for that one, and gone when it forces; kubectl diff shows it before.
func TestServerSideApplyIsExact(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "exact:v1")
	m := suite.Manifest{Name: "exact", Source: suite.Image(ref), Filter: "applyPorts: [9080], env: [{name: A, value: a}]"}
	gitops := []string{"--server-side", "--field-manager=gitops"}
	cluster.Apply(t, ns, m.String(), gitops...)
	want := cluster.WaitPhase(t, ns, "exact", v1alpha1.PhaseSynced).Spec
	for field, patch := range map[string]string{
		"applyPorts":  `{"spec":{"filter":{"applyPorts":[9080,7777]}}}`,
		"matchLabels": `{"spec":{"selector":{"matchLabels":{"version":"v1"}}}}`,
		"env":         `{"spec":{"filter":{"env":[{"name":"A","value":"a"},{"name":"B","value":"b"}]}}}`,
	} {
		if _, err := cluster.Kubectl(t.Context(), "patch", "aw", "exact", "-n", ns, "--type=merge", "-p", patch, "--field-manager=somebody"); err != nil {
			t.Fatal(err)
		}
		_, err := cluster.KubectlInput(t.Context(), m.String(), slices.Concat([]string{"apply", "-n", ns, "-f", "-"}, gitops)...)
		if err == nil || !strings.Contains(err.Error(), "conflict with \"somebody\"") || !strings.Contains(err.Error(), field) {
			t.Errorf("with another manager's %s: %v", field, err)
		}
		cluster.Apply(t, ns, m.String(), append(gitops, "--force-conflicts")...)
		got, err := cluster.AutoWasm(t.Context(), ns, "exact")
		if err != nil || !reflect.DeepEqual(got.Spec, want) {
			t.Errorf("after another manager's %s: %+v, %v, want %+v", field, got.Spec, err, want)
		}
	}
}

// TestFieldsOfConfig: of an object in config each field belongs to its own manager, since a CRD cannot say otherwise of a
// field that may also hold a string.
func TestFieldsOfConfig(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "fields:v1")
	m := suite.Manifest{Name: "fields", Source: suite.Image(ref), Filter: "config: {a: 1}"}
	cluster.Apply(t, ns, m.String(), "--server-side", "--field-manager=gitops")
	patch := `{"spec":{"filter":{"config":{"b":2}}}}`
	if _, err := cluster.Kubectl(t.Context(), "patch", "aw", "fields", "-n", ns, "--type=merge", "-p", patch, "--field-manager=somebody"); err != nil {
		t.Fatal(err)
	}
	cluster.Apply(t, ns, m.String(), "--server-side", "--field-manager=gitops", "--force-conflicts")
	got, err := cluster.AutoWasm(t.Context(), ns, "fields")
	if err != nil || string(got.Spec.Filter.Config.Raw) != `{"a":1,"b":2}` {
		t.Errorf("config is %s, %v", got.Spec.Filter.Config.Raw, err)
	}
}

// TestFilledPortsGiveWay: the ports that a namespace's default filled are replaced by those that the manifest names later.
func TestFilledPortsGiveWay(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	if _, err := cluster.Kubectl(t.Context(), "annotate", "namespace", ns, v1alpha1.AnnotationDefaultPorts+"=8080"); err != nil {
		t.Fatal(err)
	}
	ref, _ := pushed(t, "filled:v1")
	for name, way := range map[string]string{"filled-server-side": "--server-side", "filled-client-side": "--server-side=false"} {
		m := suite.Manifest{Name: name, Source: suite.Image(ref)}
		for _, want := range [][]v1alpha1.Port{{8080}, {9081}} {
			suite.Eventually(t, func(ctx context.Context) error { // the annotation reaches wasmer a moment later
				if _, err := cluster.KubectlInput(ctx, m.String(), "apply", way, "-n", ns, "-f", "-"); err != nil {
					return err
				}
				got, err := cluster.AutoWasm(ctx, ns, m.Name)
				if err == nil && !slices.Equal(got.Spec.Filter.ApplyPorts, want) {
					err = fmt.Errorf("applyPorts are %v, want %v", got.Spec.Filter.ApplyPorts, want)
				}
				return err
			})
			m.Filter = "applyPorts: [9081]"
		}
	}
}

// TestGenerateName: an object whose name the API server makes is served too,
// only not at admission, when it has no name yet.
func TestGenerateName(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "generated:v1")
	m := suite.Manifest{Name: "gen-", Generate: true, Source: suite.Image(ref)}
	out, err := cluster.KubectlInput(t.Context(), m.String(), "create", "-n", ns, "-f", "-", "-o", "name")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(strings.TrimSpace(out.Stdout), "autowasm.wasm.tcm.io/")
	cluster.WaitPhase(t, ns, name, v1alpha1.PhaseSynced)
	if _, err := cluster.EnvoyFilter(t.Context(), ns, name); err != nil {
		t.Errorf("no EnvoyFilter for a generated name: %v", err)
	}
}

// TestUpdateIsAppliedAfterItIsPersisted: a new tag, a new configuration.
func TestUpdateIsAppliedAfterItIsPersisted(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	first, _ := pushed(t, "update:v1")
	second, module := pushed(t, "update:v2", wasmtest.Salt("second"))
	synced(t, ns, suite.Manifest{Name: "up", Source: suite.Image(first)})
	aw := synced(t, ns, suite.Manifest{Name: "up", Source: suite.Image(second), Filter: "config: fresh"})
	sum := suite.SHA256(module)
	if aw.Status.Module.SHA256 != sum {
		t.Errorf("module %s, want %s", aw.Status.Module.SHA256, sum)
	}
	requireNamed(t, ns, "up", sum)
	requireServed(t, sum)
}

// TestTagThatMovesChangesNothing proves invariant 5: the module is pinned.
func TestTagThatMovesChangesNothing(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, module := pushed(t, "moves:v1")
	synced(t, ns, suite.Manifest{Name: "moves", Source: suite.Image(ref)})
	pushed(t, "moves:v1", wasmtest.Salt("moved"))
	aw := synced(t, ns, suite.Manifest{Name: "moves", Source: suite.Image(ref), Filter: "rootID: changed"})
	if got, want := aw.Status.Module.SHA256, suite.SHA256(module); got != want {
		t.Errorf("the tag moved, and so did the module: %s, want %s", got, want)
	}
}

// TestAlwaysFollowsTheTagWhenTheSpecChanges: and only then.
func TestAlwaysFollowsTheTagWhenTheSpecChanges(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "always:v1")
	source := fmt.Sprintf("{registry: {image: %q, pullPolicy: Always}}", ref)
	synced(t, ns, suite.Manifest{Name: "always", Source: source})
	_, moved := pushed(t, "always:v1", wasmtest.Salt("moved"))
	aw := synced(t, ns, suite.Manifest{Name: "always", Source: source, Filter: "rootID: changed"})
	if got, want := aw.Status.Module.SHA256, suite.SHA256(moved); got != want {
		t.Errorf("module %s, want the tag's new one %s", got, want)
	}
}

// TestDeleteRemovesTheFilter: the garbage collector does.
func TestDeleteRemovesTheFilter(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "deleted:v1")
	synced(t, ns, suite.Manifest{Name: "gone", Source: suite.Image(ref)})
	if _, err := cluster.Kubectl(t.Context(), "delete", "aw", "gone", "-n", ns); err != nil {
		t.Fatal(err)
	}
	cluster.WaitGone(t, ns, "gone")
}

// TestFilterComesBack: after it is deleted, and after it is edited by hand.
func TestFilterComesBack(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, module := pushed(t, "back:v1")
	synced(t, ns, suite.Manifest{Name: "back", Source: suite.Image(ref)})
	old, err := cluster.EnvoyFilter(t.Context(), ns, "back")
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Client.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	requireNamed(t, ns, "back", suite.SHA256(module))
	edits := []string{
		`{"spec":{"workloadSelector":{"labels":{"version":"v9"}}}}`,
		`{"spec":{"configPatches":[]}}`,
		`{"metadata":{"annotations":{"wasm.tcm.io/module":null}}}`,
	}
	for _, edit := range edits {
		if _, err := cluster.Kubectl(t.Context(), "patch", "envoyfilter", "back", "-n", ns, "--type=merge", "-p", edit); err != nil {
			t.Fatal(err)
		}
		suite.Eventually(t, func(ctx context.Context) error {
			ef, err := cluster.EnvoyFilter(ctx, ns, "back")
			if err != nil {
				return err
			}
			if len(ef.Spec.ConfigPatches) != 1 || len(ef.Spec.WorkloadSelector.Labels) != 1 || ef.Annotations["wasm.tcm.io/module"] == "" {
				return fmt.Errorf("after %s the EnvoyFilter is not restored: %v", edit, ef.Spec.String())
			}
			return nil
		})
	}
}

// TestForeignFilterIsRefusedAndKept proves invariant 8.
func TestForeignFilterIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	foreign := "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: mine}\nspec: {workloadSelector: {labels: {app: hand-made}}}\n"
	cluster.Apply(t, ns, foreign)
	before := envoyFilterVersion(t, ns, "mine")
	ref, _ := pushed(t, "foreign:v1")
	cluster.Refused(t, ns, suite.Manifest{Name: "mine", Source: suite.Image(ref)}.String(), "metadata.name", "EnvoyFilter", ns+"/mine")
	time.Sleep(6 * time.Second) // longer than the sweep's grace period
	if after := envoyFilterVersion(t, ns, "mine"); after != before {
		t.Errorf("a hand-written EnvoyFilter was touched: resourceVersion %s, was %s", after, before)
	}
}

// TestDefaultsOfTheNamespace: annotations fill what the user left out, and
// nothing else.
func TestDefaultsOfTheNamespace(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t, "wasm.tcm.io/default-ports", "9080,9090", "wasm.tcm.io/default-secret", "regcred")
	cluster.PullSecret(t, ns, "regcred", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	img, err := image.Image(wasmtest.Module(wasmtest.Salt(t.Name())), "0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	ref := cluster.PushPrivate(t, "defaults:v1", img)
	aw := synced(t, ns, suite.Manifest{Name: "defaulted", Source: suite.Image(ref)})
	if got := fmt.Sprintf("%v %s %s", aw.Spec.Filter.ApplyPorts, aw.Spec.Secret, aw.Spec.Filter.VMID); got != "[9080 9090] regcred "+ns+".defaulted" {
		t.Errorf("defaults %s", got)
	}
	own := synced(t, ns, suite.Manifest{Name: "own", Source: suite.Image(ref), Secret: "regcred", Filter: "applyPorts: [1234], vmID: mine"})
	if got := fmt.Sprintf("%v %s", own.Spec.Filter.ApplyPorts, own.Spec.Filter.VMID); got != "[1234] mine" {
		t.Errorf("a default replaced what the user set: %s", got)
	}
}

// requireNamed waits until an EnvoyFilter names a module.
func requireNamed(t *testing.T, ns, name, sum string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		ef, err := cluster.EnvoyFilter(ctx, ns, name)
		if err != nil {
			return err
		}
		if !strings.Contains(ef.Spec.String(), sum) {
			return fmt.Errorf("EnvoyFilter %s/%s does not name %s: %s", ns, name, sum, ef.Spec.String())
		}
		return nil
	})
}

func envoyFilterVersion(t *testing.T, ns, name string) string {
	t.Helper()
	ef, err := cluster.EnvoyFilter(t.Context(), ns, name)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return ef.ResourceVersion
}
