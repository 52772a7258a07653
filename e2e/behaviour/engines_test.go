// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
)

// An engine applies the manifest of an AutoWasm of a namespace as a tool of GitOps does, and returns what it printed.
type engine func(t *testing.T, ns string, m suite.Manifest) (string, error)

// byKubectl is kubectl apply, which Argo CD calls as a library.
func byKubectl(args ...string) engine {
	return func(t *testing.T, ns string, m suite.Manifest) (string, error) {
		out, err := cluster.TryApply(t, ns, m.String(), args...)
		return out.Stdout, err
	}
}

// byFlux is what kustomize-controller does when it reconciles a Kustomization.
func byFlux(args ...string) engine {
	return func(t *testing.T, ns string, m suite.Manifest) (string, error) {
		program, err := cluster.Builder().Part(t.Context(), build.Flux)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, append(args, "-kubeconfig="+cluster.Kubeconfig)...)
		cmd.Stdin = strings.NewReader(strings.Replace(m.String(), "metadata: {", "metadata: {namespace: "+ns+", ", 1))
		return process.Output(cmd)
	}
}

// TestForceKeepsWhatRuns: an engine that may replace what is immutable leaves an AutoWasm alone whose new source is refused.
// Argo CD's Force is that of kubectl, and has no effect on its server-side applies.
func TestForceKeepsWhatRuns(t *testing.T) {
	t.Parallel()
	ref, _ := pushed(t, "forced:v1")
	for name, apply := range map[string]engine{
		"flux":    byFlux("-force"),
		"kubectl": byKubectl("--force"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := cluster.Namespace(t)
			m := suite.Manifest{Name: "forced", Source: suite.Image(ref)}
			if _, err := apply(t, ns, m); err != nil {
				t.Fatal(err)
			}
			before := cluster.WaitPhase(t, ns, m.Name, v1alpha1.PhaseSynced)
			for mistake, source := range map[string]string{
				"does not have it": suite.Image(cluster.Registry + "/is/immutable:field"),
				"refused access":   suite.Image(cluster.PrivateRegistry + "/forced:v1"),
				"link-local":       "{object: {url: \"http://169.254.169.254/x\"}}",
			} {
				if _, err := apply(t, ns, suite.Manifest{Name: m.Name, Source: source}); err == nil || !strings.Contains(err.Error(), mistake) {
					t.Errorf("%s was answered with %v, want %q", source, err, mistake)
				}
			}
			after, err := cluster.AutoWasm(t.Context(), ns, m.Name)
			if err != nil || after.UID != before.UID || after.Generation != before.Generation || !reflect.DeepEqual(after.Spec, before.Spec) {
				t.Errorf("the AutoWasm is %+v, %v, was %+v", after, err, before)
			}
		})
	}
}
