// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// TestTutorial follows the tutorial: push with wasmc, apply, look at the table,
// look at the EnvoyFilter, fetch the module that it names.
func TestTutorial(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	filter := filepath.Join(cluster.Checkout, "bin", "add-header.wasm")
	image := cluster.PrivateRegistry + "/tutorial/wasm-add-header:v0.3"
	login(t)
	pushed := wasmc(t, "push", image, "-f", filter)
	if !regexp.MustCompile(`^Pushed ` + regexp.QuoteMeta(image) + `\nDigest: sha256:[0-9a-f]{64}\n$`).MatchString(pushed) {
		t.Errorf("wasmc push printed\n%s", pushed)
	}
	cluster.PullSecret(t, ns, "test", cluster.PrivateRegistry, cluster.PrivateRegistryUsername, cluster.PrivateRegistryPassword)

	out := cluster.Apply(t, ns, tutorial.Manifest{Image: image, Secret: "test"}.String())
	if want := "autowasm.wasm.tcm.io/test created\n"; out.Stdout != want {
		t.Errorf("kubectl apply printed %q, want %q", out.Stdout, want)
	}
	// Answered only after the module was cached and the EnvoyFilter made.
	sum := suite.SHA256(read(t, filter))
	requireServed(t, sum)
	if _, err := cluster.EnvoyFilter(t.Context(), ns, "test"); err != nil {
		t.Errorf("the EnvoyFilter is not there when apply returns: %v", err)
	}
	cluster.WaitPhase(t, ns, "test", v1alpha1.PhaseSynced)
	checkTable(t, ns, image)
	checkEnvoyFilter(t, ns, sum)
	checkPull(t, image, sum)
}

// TestTutorialObject is the tutorial's second manifest.
func TestTutorialObject(t *testing.T) {
	t.Parallel()
	ns := cluster.Namespace(t)
	filter := read(t, filepath.Join(cluster.Checkout, "bin", "add-header.wasm"))
	cluster.Apply(t, ns, tutorial.Manifest{URL: cluster.Object(t, "tutorial.wasm", filter)}.String())
	aw := cluster.WaitPhase(t, ns, "test", v1alpha1.PhaseSynced)
	if got, want := aw.Status.Module.SHA256, suite.SHA256(filter); got != want {
		t.Errorf("module %s, want %s", got, want)
	}
}

func checkTable(t *testing.T, ns, image string) {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "get", "aw", "-n", ns)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.Stdout), "\n")
	if len(lines) != 2 {
		t.Fatalf("kubectl get aw printed\n%s", out.Stdout)
	}
	if got, want := strings.Fields(lines[0]), strings.Fields("NAME SECRET MATCH SOURCE APPLYPORTS TIME PHASE"); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("columns %v, want %v", got, want)
	}
	row := regexp.MustCompile(`^test\s+test\s+\{"app":"details"\}\s+\{"registry":\{"image":"` + regexp.QuoteMeta(image) +
		`","pullPolicy":"IfNotPresent"\}\}\s+\[9080\]\s+\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\s+Synced$`)
	if !row.MatchString(strings.TrimSpace(lines[1])) {
		t.Errorf("row %q", lines[1])
	}
}

func checkEnvoyFilter(t *testing.T, ns, sum string) {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "get", "envoyfilter", "test", "-n", ns, "-o", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"applyTo: HTTP_FILTER", "context: SIDECAR_INBOUND", "portNumber: 9080", "operation: INSERT_BEFORE",
		"name: envoy.filters.network.http_connection_manager", "name: envoy.filters.http.router",
		"cluster: outbound|8081||wasmer.istio-system.svc.cluster.local", "/wasm/" + sum, "sha256: " + sum,
		"runtime: envoy.wasm.runtime.v8", "app: details",
	} {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("the EnvoyFilter lacks %q:\n%s", want, out.Stdout)
		}
	}
}

func checkPull(t *testing.T, image, sum string) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "filter.wasm")
	if got, want := wasmc(t, "pull", image, "-f", target), fmt.Sprintf("Pulled %s\nSha256: %s\nLocation: %s\n", image, sum, target); got != want {
		t.Errorf("wasmc pull printed\n%swant\n%s", got, want)
	}
	if got := suite.SHA256(read(t, target)); got != sum {
		t.Errorf("pulled %s, want %s", got, sum)
	}
}

// requireServed fails the test unless the module is served at this moment.
func requireServed(t *testing.T, sum string) {
	t.Helper()
	suite.RequireServed(t, cluster.Wasmer().URL, sum)
}

func login(t *testing.T) {
	t.Helper()
	command := exec.CommandContext(t.Context(), wasmcPath(), "login", cluster.PrivateRegistry, "-u", cluster.PrivateRegistryUsername, "--password-stdin")
	command.Env = wasmcEnv()
	command.Stdin = strings.NewReader(cluster.PrivateRegistryPassword)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("wasmc login: %v\n%s", err, out)
	}
}

// wasmc runs the client and returns its standard output.
func wasmc(t *testing.T, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	command := exec.CommandContext(t.Context(), wasmcPath(), args...)
	command.Env, command.Stderr = wasmcEnv(), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("wasmc %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func wasmcPath() string { return filepath.Join(cluster.Checkout, "bin", "wasmc") }

// wasmcEnv keeps the login out of the real user's docker configuration.
func wasmcEnv() []string {
	return append(os.Environ(), "DOCKER_CONFIG="+filepath.Join(cluster.Dir, "docker"))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
