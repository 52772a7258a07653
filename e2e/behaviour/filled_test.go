// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// engines are the ways to apply a manifest.
var engines = map[string]engine{
	"client-side":  byKubectl("--server-side=false"),
	"server-side":  byKubectl("--server-side", "--field-manager=argocd-controller", "--force-conflicts"),
	"by flux":      byFlux(),
	"by a replace": byReplace,
}

func byReplace(t *testing.T, ns string, m suite.Manifest) (string, error) {
	verb := "replace"
	if _, err := cluster.AutoWasm(t.Context(), ns, m.Name); err != nil {
		verb = "create"
	}
	out, err := cluster.KubectlInput(t.Context(), m.String(), verb, "-n", ns, "-f", "-")
	return out.Stdout, err
}

// TestWhatWasFilledIsFilledAnew: a sequence of manifests gives what a fresh apply of the last one gives, whoever applies it,
// and what a manifest sets stays.
func TestWhatWasFilledIsFilledAnew(t *testing.T) {
	t.Parallel()
	pushed(t, "anew:latest")
	v1, module := pushed(t, "anew:v1", wasmtest.Salt("v1"))
	latest := cluster.Registry + "/anew:latest"
	for name, apply := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := cluster.Namespace(t, v1alpha1.AnnotationDefaultSecret, "regcred")
			cluster.PullSecret(t, ns, "regcred", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)
			createModule(t, ns, module)
			for _, step := range []struct{ source, want string }{
				{suite.Image(v1), "IfNotPresent regcred"},
				{suite.Image(latest), "Always regcred"},
				{suite.Image(v1), "IfNotPresent regcred"},
				{suite.ConfigMap("module", "filter.wasm"), " "},
				{suite.Image(latest), "Always regcred"},
				{fmt.Sprintf("{registry: {image: %q, pullPolicy: Always}}", latest), "Always regcred"},
				{fmt.Sprintf("{registry: {image: %q, pullPolicy: Always}}", v1), "Always regcred"},
				{suite.Image(v1), "IfNotPresent regcred"},
			} {
				m := suite.Manifest{Name: "anew", Source: step.source}
				eventuallyApplied(t, apply, ns, m)
				requireFilled(t, ns, m.Name, step.source, step.want)
			}
		})
	}
}

// eventuallyApplied tries again what meets a write of the status, which a replace without a resourceVersion may.
func eventuallyApplied(t *testing.T, apply engine, ns string, m suite.Manifest) {
	t.Helper()
	suite.Eventually(t, func(context.Context) error {
		_, err := apply(t, ns, m)
		return err
	})
}

func requireFilled(t *testing.T, ns, name, source, want string) {
	t.Helper()
	aw, err := cluster.AutoWasm(t.Context(), ns, name)
	if err != nil {
		t.Fatal(err)
	}
	var policy v1alpha1.PullPolicy
	if r := aw.Spec.Filter.Source.Registry; r != nil {
		policy = r.PullPolicy
	}
	if got := fmt.Sprintf("%s %s", policy, aw.Spec.Secret); got != want {
		t.Errorf("after %s pullPolicy and secret are %q, want %q", source, got, want)
	}
}

func createModule(t *testing.T, ns string, module []byte) {
	t.Helper()
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "module"}, BinaryData: map[string][]byte{"filter.wasm": module}}
	if err := cluster.Client.Create(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
}

// TestTheSameManifestIsNoDrift: what was filled changes nothing for engines that apply the same again, whatever the namespace
// says meanwhile.
func TestTheSameManifestIsNoDrift(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t, v1alpha1.AnnotationDefaultPorts, "8080")
	ref, _ := pushed(t, "drift:v1")
	m := suite.Manifest{Name: "drift", Source: suite.Image(ref)}
	flux := byFlux()
	if _, err := flux(t, ns, m); err != nil {
		t.Fatal(err)
	}
	cluster.WaitPhase(t, ns, m.Name, v1alpha1.PhaseSynced)
	if _, err := cluster.Kubectl(t.Context(), "annotate", "namespace", ns, "--overwrite", v1alpha1.AnnotationDefaultPorts+"=9090"); err != nil {
		t.Fatal(err)
	}
	if out, err := flux(t, ns, m); err != nil || out != "AutoWasm/"+ns+"/drift unchanged\n" {
		t.Errorf("the second time flux printed %q, %v", out, err)
	}
	if out, err := cluster.KubectlInput(t.Context(), m.String(), "diff", "-n", ns, "-f", "-"); err != nil {
		t.Errorf("kubectl diff: %v\n%s", err, out.Stdout)
	}
}
