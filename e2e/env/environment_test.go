// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
)

// timeoutFlag is how long kubectl waits.
var timeoutFlag = "--timeout=" + Timeout.String()

// TestEnvironment runs everything but wasmer once, uses each part, and looks for what is left of it.
func TestEnvironment(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute) // a first build takes long
	defer cancel()
	e, err := Start(ctx, Options{Dir: t.TempDir(), Log: testLog{t}, WithoutWasmer: true})
	if err != nil {
		t.Fatal(err)
	}
	pids := e.pids()
	t.Run("kubectl", func(t *testing.T) { testKubectl(ctx, t, e) })
	t.Run("controllers", func(t *testing.T) { testControllers(ctx, t, e) })
	t.Run("wasmer's permissions", func(t *testing.T) { testPermissions(ctx, t, e) })
	t.Run("registries", func(t *testing.T) { testRegistries(t, e) })
	t.Run("objects", func(t *testing.T) { testObjects(t, e) })
	t.Run("wasmer", func(t *testing.T) { testWasmer(ctx, t, e) })
	if err := e.Err(); err != nil {
		t.Error(err)
	}
	t.Run("stop", func(t *testing.T) { testStop(t, e, pids) })
}

func testKubectl(ctx context.Context, t *testing.T, e *Environment) {
	out, err := e.Kubectl(ctx, "version")
	if err != nil || !strings.Contains(out.Stdout, "Server Version: "+build.KubernetesVersion) {
		t.Errorf("kubectl version printed %q, %v", out.Stdout, err)
	}
	const manifest = `{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: default}, data: {a: b}}`
	if _, err := e.KubectlInput(ctx, manifest, "apply", "--server-side", "-f", "-"); err != nil {
		t.Error(err)
	}
	if out, err := e.KubectlInput(ctx, manifest, "diff", "-f", "-"); err != nil {
		t.Errorf("kubectl diff finds a difference in what was applied: %v\n%s", err, out.Stdout)
	}
	var refused *KubectlError
	_, err = e.Kubectl(ctx, "get", "autowasm", "does-not-exist")
	if !errors.As(err, &refused) || refused.Code != 1 || !strings.Contains(refused.Stderr, "NotFound") {
		t.Errorf("getting what does not exist: %#v", err)
	}
}

// testPermissions asks with wasmer's kubeconfig: it has what manifests/rbac grants and nothing else.
func testPermissions(ctx context.Context, t *testing.T, e *Environment) {
	for request, want := range map[string]string{
		"list autowasms.wasm.tcm.io":              "yes",
		"create envoyfilters.networking.istio.io": "yes",
		"delete autowasms.wasm.tcm.io":            "no",
		"create pods":                             "no",
		"get secrets --all-namespaces":            "yes",
		"list secrets --all-namespaces":           "no",
		"create namespaces":                       "no",
	} {
		args := append([]string{"auth", "can-i", "--kubeconfig", e.wasmerKubeconfig()}, strings.Fields(request)...)
		out, _ := e.Kubectl(ctx, args...) // "no" is an exit code, too
		if got := strings.TrimSpace(out.Stdout); got != want {
			t.Errorf("may wasmer %s? %q, want %q (%s)", request, got, want, out.Stderr)
		}
	}
}

func testRegistries(t *testing.T, e *Environment) {
	right := e.PrivateRegistryUsername + ":" + e.PrivateRegistryPassword + "@"
	for url, want := range map[string]int{
		"http://" + e.Registry + "/v2/":                       http.StatusOK,
		"http://" + e.PrivateRegistry + "/v2/":                http.StatusUnauthorized,
		"http://" + right + e.PrivateRegistry + "/v2/":        http.StatusOK,
		"http://autowasm:wrong@" + e.PrivateRegistry + "/v2/": http.StatusUnauthorized,
	} {
		if got, _ := get(t, url); got != want {
			t.Errorf("GET %s: %d, want %d", url, got, want)
		}
	}
}

func testObjects(t *testing.T, e *Environment) {
	if err := os.WriteFile(filepath.Join(e.ObjectsDir, "filter.wasm"), []byte("\x00asm"), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, e.ObjectsURL+"/filter.wasm"); status != http.StatusOK || body != "\x00asm" {
		t.Errorf("GET filter.wasm: %d %q", status, body)
	}
	if status, _ := get(t, e.ObjectsURL+"/absent.wasm"); status != http.StatusNotFound {
		t.Errorf("GET absent.wasm: %d", status)
	}
}

// testWasmer starts wasmer, which the environment was started without, and has it come back where it was.
func testWasmer(ctx context.Context, t *testing.T, e *Environment) {
	if err := e.StartWasmer(ctx, "--stage=false"); err != nil {
		t.Fatal(err)
	}
	url := e.WasmerURL
	steps := []struct {
		name string
		do   func() error
		up   bool
	}{
		{"started", func() error { return nil }, true},
		{"restarted", func() error { return e.RestartWasmer(ctx) }, true},
		{"killed", e.Wasmer().Kill, false},
		{"started after a crash", func() error { return e.StartWasmer(ctx, "--webhook=false") }, true},
		{"stopped", e.StopWasmer, false},
		{"stopped again", e.StopWasmer, false},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if err := Probe(ctx, url+"/healthz"); (err == nil) != step.up {
			t.Errorf("%s: wasmer at %s: %v", step.name, url, err)
		}
	}
	if err := e.DeleteManifests(ctx, "webhook"); err != nil {
		t.Error(err)
	}
}

func testStop(t *testing.T, e *Environment, pids map[string]int) {
	if len(pids) != 5 {
		t.Errorf("%d processes were running: %v", len(pids), pids)
	}
	began := time.Now()
	for range 2 { // it may be called again
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("stopped in %s", time.Since(began))
	for name, pid := range pids {
		if err := Poll(t.Context(), func(context.Context) error { return groupLeft(pid) }); err != nil {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if err := e.Err(); err != nil {
		t.Errorf("a part that was stopped is reported as dead: %v", err)
	}
}

func (e *Environment) pids() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	pids := map[string]int{}
	for _, p := range e.processes {
		pids[p.Name] = p.PID()
	}
	return pids
}

// kubectl runs kubectl, which must succeed, and returns its standard output.
func kubectl(ctx context.Context, t *testing.T, e *Environment, stdin string, args ...string) string {
	t.Helper()
	out, err := e.KubectlInput(ctx, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out.Stdout
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// testLog shows an environment's log with the test that it belongs to.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}
