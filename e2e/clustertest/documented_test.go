//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
	"github.com/autowasm/autowasm/internal/download"
)

// documentedShell is a user's on this cluster with a current namespace, in a directory that has what the checkout has, and
// whose PATH begins with its directory commands.
func documentedShell(t testing.TB, namespace string) doctest.Shell {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "commands")
	doctest.DryMake(t, inCheckout(t), bin)
	doctest.Links(t, inCheckout(t), dir, "bin")
	return doctest.Shell{
		Root: inCheckout(t), Dir: dir,
		Env:    suite.UserEnv(t.TempDir(), suite.Kubeconfig(t, os.Getenv("KUBECONFIG"), namespace), bin),
		Stands: []string{"registry.example", variable(t, "REGISTRY"), "--timeout=5m", suite.TimeoutFlag},
	}
}

// TestDocumentedTutorial runs the tutorial on the cluster as it is written, in the namespace default. Its last command
// prints the answer with the header.
func TestDocumentedTutorial(t *testing.T) {
	t.Parallel()
	user := documentedShell(t, "default")
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		user.RunContext(ctx, t, doctest.Section("cluster-tutorial-end"))
	})
	user.Run(t, doctest.Section("cluster-tutorial"))
}

// TestDocumentedApply applies the AutoWasm of the README to an application, and runs what the pages say to do when
// something is to be found out about it. Then it adds a first filter of a user's own.
func TestDocumentedApply(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "readme")
	startApp(t, ns)
	user := documentedShell(t, ns)
	user.Stands = append([]string{"registry.example/wasm-add-header:v0.3", pushExample(t, "readme/wasm-add-header")}, user.Stands...)
	kubectl(t, "create", "secret", "docker-registry", "regcred", "-n", ns,
		"--docker-server="+variable(t, "REGISTRY"), "--docker-username=robot", "--docker-password=any")
	// A busy machine tries the module later, with a warning; the apply that is repeated then changes nothing.
	user.Masks = append(user.Masks, doctest.NewMask(`^(autowasm\S* )(?:created|unchanged)`, "${1}applied"))
	user.Run(t, doctest.Section("readme"))
	user.Stands = []string{"NAME", "test"}
	user.Run(t, doctest.Section("look"))
	user.Run(t, doctest.Section("report"))
	user.Run(t, doctest.Section("lease"))
	followFirstFilter(t, user)
}

// followFirstFilter writes a filter, runs it in an Envoy of the user's, and puts it into the sidecars of the application.
func followFirstFilter(t *testing.T, user doctest.Shell) {
	t.Helper()
	cache, err := download.CacheDir() // an Envoy is there
	if err != nil {
		t.Fatal(err)
	}
	caches, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	builds, modules, _ := strings.Cut(strings.TrimSpace(string(caches)), "\n")
	port, err := env.ListenFree()
	if err != nil {
		t.Fatal(err)
	}
	port.Close()
	// With the flags of make wasm the standard library has been compiled before.
	user.Env = append(user.Env, "AUTOWASM_CACHE="+cache, "GOCACHE="+builds, "GOMODCACHE="+modules, "GOFLAGS=-trimpath")
	user.Stands = []string{"10080", strconv.Itoa(port.Addr().(*net.TCPAddr).Port)}
	user.Run(t, doctest.Section("first-filter"))
}
