// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/render"
)

// TestRefusedCreateOfATakenNameLeavesNoFilter proves invariant 2: the API server
// looks whether a name is taken after our webhook has staged.
func TestRefusedCreateOfATakenNameLeavesNoFilter(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	waiting, _ := pushed(t, "taken:v1")
	refused, _ := pushed(t, "taken:v2")
	cluster.Apply(t, ns, suite.Manifest{Name: "taken", Source: suite.Image(waiting), Secret: "to-come"}.String())
	cluster.WaitPhase(t, ns, "taken", v1alpha1.PhasePending)

	_, err := cluster.KubectlInput(t.Context(), suite.Manifest{Name: "taken", Source: suite.Image(refused)}.String(), "create", "-n", ns, "-f", "-")
	if err == nil || !strings.Contains(err.Error(), "AlreadyExists") {
		t.Fatalf("kubectl create of a name that is taken: %v", err)
	}
	if _, err := cluster.EnvoyFilter(t.Context(), ns, "taken"); err != nil {
		t.Fatalf("nothing was staged, so that this proves nothing: %v", err)
	}
	cluster.WaitGone(t, ns, "taken")
	aw := cluster.WaitPhase(t, ns, "taken", v1alpha1.PhasePending)
	if aw.Status.EnvoyFilter != nil || strings.Contains(aw.Status.Message, "stays in force") {
		t.Errorf("the status claims what was staged for another: %+v", aw.Status)
	}

	cluster.PullSecret(t, ns, "to-come", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
	cluster.WaitPhase(t, ns, "taken", v1alpha1.PhaseSynced)
}

// TestFilterThatLosesItsMarksIsRestored: our label and annotations are not needed
// to know what we made.
func TestFilterThatLosesItsMarksIsRestored(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "marks:v1")
	synced(t, ns, suite.Manifest{Name: "marks", Source: suite.Image(ref)})
	made, err := cluster.EnvoyFilter(t.Context(), ns, "marks")
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range []string{
		`{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`,
		`{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"}}}`,
		`{"metadata":{"annotations":{"wasm.tcm.io/owner":null}}}`,
		`{"metadata":{"labels":null,"annotations":null},"spec":{"configPatches":[]}}`,
	} {
		if _, err := cluster.Kubectl(t.Context(), "patch", "envoyfilter", "marks", "-n", ns, "--type=merge", "-p", edit); err != nil {
			t.Fatal(err)
		}
		suite.Eventually(t, func(ctx context.Context) error {
			ef, err := cluster.EnvoyFilter(ctx, ns, "marks")
			if err != nil {
				return err
			}
			if ef.UID != made.UID || ef.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy || ef.Annotations[v1alpha1.AnnotationOwner] != ns+"/marks" || len(ef.Spec.ConfigPatches) != 1 {
				return fmt.Errorf("after %s the EnvoyFilter is not restored: %v", edit, ef.ObjectMeta)
			}
			return nil
		})
	}
	cluster.WaitPhase(t, ns, "marks", v1alpha1.PhaseSynced)
}

// TestOrphan: an EnvoyFilter that its AutoWasm leaves behind is in force for as long as it takes to create the AutoWasm again, and
// no longer.
func TestOrphan(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	ref, _ := pushed(t, "orphan:v1")
	m := suite.Manifest{Name: "orphan", Source: suite.Image(ref)}
	synced(t, ns, m)
	made, err := cluster.EnvoyFilter(t.Context(), ns, m.Name)
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, "delete", "autowasm", m.Name, "-n", ns, "--cascade=orphan")
	aw := synced(t, ns, m)
	adopted, err := cluster.EnvoyFilter(t.Context(), ns, m.Name)
	if err != nil || adopted.UID != made.UID || !metav1.IsControlledBy(adopted, aw) {
		t.Fatalf("the EnvoyFilter is %+v, %v, want %s with its new owner", adopted, err, made.UID)
	}
	kubectl(t, "delete", "autowasm", m.Name, "-n", ns, "--cascade=orphan")
	if _, err := cluster.EnvoyFilter(t.Context(), ns, m.Name); err != nil {
		t.Fatalf("it is gone with its AutoWasm: %v", err)
	}
	cluster.WaitGone(t, ns, m.Name)
	requireEvents(t, ns, `Normal\s+Swept\s+envoyfilter/orphan\s.*its AutoWasm was deleted and left it behind`)
}

// TestForgedFilterGivesNoModule proves invariant 6: an EnvoyFilter that looks as if
// it had been staged, and names a module that another namespace has fetched, gives
// the AutoWasm nothing that its own source does not.
func TestForgedFilterGivesNoModule(t *testing.T) {
	t.Parallel()
	victim, ns := cluster.Namespace(t), cluster.Namespace(t)
	private, _ := pushed(t, "forged-victim:v1")
	stolen := synced(t, victim, suite.Manifest{Name: "private", Source: suite.Image(private)}).Status.Module
	own, module := pushed(t, "forged-own:v1")
	forge(t, ns, own, stolen)

	aw := synced(t, ns, suite.Manifest{Name: "forged", Source: suite.Image(own)})
	if got, want := aw.Status.Module.SHA256, suite.SHA256(module); got != want {
		t.Errorf("module %s, want the source's own %s (another namespace's is %s)", got, want, stolen.SHA256)
	}
	requireNamed(t, ns, "forged", suite.SHA256(module))
}

// forge creates what admission would stage for an AutoWasm "forged" of the image,
// with a module that is not the image's.
func forge(t *testing.T, ns, image string, m *v1alpha1.ModuleStatus) {
	t.Helper()
	aw := &v1alpha1.AutoWasm{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "forged"}}
	aw.Spec.Selector.MatchLabels = map[string]v1alpha1.LabelValue{"app": "details"}
	aw.Spec.Filter.Source.Registry = &v1alpha1.RegistrySource{Image: image}
	if err := cluster.Client.Create(t.Context(), aw, client.DryRunAll); err != nil { // fills the defaults
		t.Fatal(err)
	}
	aw.Generation = 1
	ef, err := render.EnvoyFilter(aw, render.Module{SHA256: m.SHA256, Reference: m.Reference}, render.Options{Cluster: "outbound|80||forged.example", BaseURL: "http://forged.example"})
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Client.Create(t.Context(), ef, client.FieldOwner(render.FieldManager)); err != nil {
		t.Fatal(err)
	}
}
