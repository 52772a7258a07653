// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"os"
	"os/exec"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// workload starts a workload for a test, without a sidecar.
func workload(t testing.TB, name string) *Workload {
	t.Helper()
	w, err := mesh.StartWorkload(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// applyTutorial pushes the example filter with wasmc and applies the tutorial's AutoWasm under a name, for the
// workload of a label app. It is deleted after the test.
func applyTutorial(t *testing.T, name, app string) {
	t.Helper()
	image := pushExample(t, name)
	cluster.Apply(t, namespace, tutorial.Manifest{Name: name, App: app, Image: image}.String())
	t.Cleanup(func() { deleteAutoWasm(t, name) })
}

func pushExample(t *testing.T, repository string) string {
	t.Helper()
	return pushFile(t, repository, cluster.Binaries().Filter)
}

// pushSmall is pushExample of the filter in Rust, which does the same, and of which a proxy compiles a thirtieth. Its configuration is
// the header's value.
func pushSmall(t *testing.T, repository string) string {
	t.Helper()
	return pushFilter(t, repository, "rust")
}

// pushFile pushes a module with wasmc and returns the image's reference.
func pushFile(t *testing.T, repository, file string) string {
	t.Helper()
	image := cluster.Registry + "/" + repository + ":v1"
	push := exec.CommandContext(t.Context(), cluster.Binaries().Wasmc, "push", image, "-f", file)
	push.Env = append(os.Environ(), "DOCKER_CONFIG="+t.TempDir())
	if out, err := push.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", push, err, out)
	}
	return image
}

// deleteAutoWasm deletes it as a user would and waits until its EnvoyFilter is gone.
func deleteAutoWasm(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := cluster.Kubectl(ctx, "delete", "autowasm", name, "-n", namespace, "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	if _, err := cluster.Kubectl(ctx, "wait", "envoyfilter/"+name, "-n", namespace, "--for=delete", suite.TimeoutFlag); err != nil {
		t.Error(err)
	}
}
