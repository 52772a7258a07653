//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
)

// runKubectl runs kubectl with a standard input and returns what it printed.
func runKubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	return process.Output(cmd)
}

// kubectl is runKubectl for what must succeed.
func kubectl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := runKubectl(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply applies a manifest in a namespace, as a user would.
func apply(t testing.TB, namespace, manifest string) {
	t.Helper()
	if _, err := runKubectl(t.Context(), manifest, "apply", "-n", namespace, "-f", "-"); err != nil {
		t.Fatalf("%v\nthe manifest:\n%s", err, manifest)
	}
}

// applyCRDs applies CRDs and waits until the API server serves them. The arguments are flags of kubectl with their files.
func applyCRDs(t testing.TB, files ...string) {
	t.Helper()
	kubectl(t, append([]string{"apply", "--server-side"}, files...)...)
	suite.Eventually(t, func(ctx context.Context) error { // kubectl wait fails where there are no conditions yet
		_, err := runKubectl(ctx, "", append([]string{"wait", "--for=condition=Established"}, files...)...)
		return err
	})
}

// restConfig is for clients that are not limited in what they request of the API server.
func restConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	return config, nil
}

// newNamespace makes a namespace whose Pods get a sidecar, and deletes it after the test. What runs in it is shown when
// the test has failed.
func newNamespace(t testing.TB, name string) string {
	t.Helper()
	kubectl(t, "create", "namespace", name)
	kubectl(t, "label", "namespace", name, "istio-injection=enabled")
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		if t.Failed() {
			t.Log(describe(ctx, name))
		}
		if _, err := runKubectl(ctx, "", "delete", "namespace", name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// describe is what there is to say of a namespace.
func describe(ctx context.Context, namespace string) string {
	var text strings.Builder
	for _, args := range [][]string{
		{"get", "pods,autowasms,envoyfilters", "-o", "wide"}, {"get", "autowasms", "-o", "yaml"}, {"get", "events"},
	} {
		out, err := runKubectl(ctx, "", append(args, "-n", namespace)...)
		if err != nil {
			out = err.Error()
		}
		text.WriteString(out + "\n")
	}
	return text.String()
}

// variable is one that has to be set.
func variable(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: the tests on a cluster need it (see e2e/clustertest/doc.go)", name)
	}
	return value
}

// product is the path of a file in bin/ of the checkout.
func product(t testing.TB, name string) string { return inCheckout(t, "bin", name) }

// previous is the path of a file of the earlier commit from which an upgrade is tested, as make previous has it.
func previous(t testing.TB, path string) string {
	return inCheckout(t, ".local", "previous", filepath.FromSlash(path))
}

func inCheckout(t testing.TB, path ...string) string {
	t.Helper()
	checkout, err := build.FindCheckout(".")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{checkout}, path...)...)
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// pushExample pushes the tutorial's filter with wasmc and returns the image's reference.
func pushExample(t testing.TB, repository string) string {
	t.Helper()
	return pushFile(t, repository, product(t, "add-header.wasm"))
}

// push is pushExample of the filter in Rust, which adds the same header, and of which each proxy compiles a thirtieth. Its configuration
// is the header's value, and names no other.
func push(t testing.TB, repository string) string {
	t.Helper()
	return pushFile(t, repository, smallFilter(t))
}

func smallFilter(t testing.TB) string {
	t.Helper()
	return inCheckout(t, "examples", "add-header-rust", "add-header.wasm")
}

// pushFile is push of another module.
func pushFile(t testing.TB, repository, file string) string {
	t.Helper()
	reference := variable(t, "REGISTRY") + "/" + repository + ":v1"
	cmd := exec.CommandContext(t.Context(), product(t, "wasmc"), "push", reference, "-f", file, "--plain-http")
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+t.TempDir())
	if _, err := process.Output(cmd); err != nil {
		t.Fatal(err)
	}
	return reference
}

// restart replaces the Pods of a Deployment and waits until all are new.
func restart(t testing.TB, namespace, name string) {
	t.Helper()
	kubectl(t, "rollout", "restart", "-n", namespace, "deployment/"+name)
	kubectl(t, "rollout", "status", "-n", namespace, "deployment/"+name, suite.TimeoutFlag)
}
