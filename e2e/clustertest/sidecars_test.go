//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
)

// Annotations of Pods by which istiod's injector decides where the sidecar is, and when the application starts.
const (
	oldSidecar    = `sidecar.istio.io/nativeSidecar: "false"`
	nativeSidecar = `sidecar.istio.io/nativeSidecar: "true"`
	held          = `proxy.istio.io/config: "{holdApplicationUntilProxyStarts: true}"`
)

// TestSidecars: the tutorial with sidecars that are containers beside the application's, as those were before Kubernetes
// had native ones. Then, with the filter in force, they are replaced by some that the application waits for, and by native
// ones. It runs in all of them, from their first request on.
func TestSidecars(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t, "sidecars")
	followTutorial(t, ns, oldSidecar)
	requireProxies(t, ns, "test", 2)
	requireContainers(t, ns, "istio-init / app istio-proxy")

	startApp(t, ns, oldSidecar, held)
	requireContainers(t, ns, "istio-init / istio-proxy app")
	requireFilterInNewPods(t, ns)

	startApp(t, ns, nativeSidecar)
	requireContainers(t, ns, "istio-init istio-proxy / app")
	requireFilterInNewPods(t, ns)
}

// containersOf prints a line for each Pod that is to stay: its init containers and the others.
const containersOf = `go-template={{range .items}}{{if not .metadata.deletionTimestamp}}` +
	`{{range .spec.initContainers}}{{.name}} {{end}}/{{range .spec.containers}} {{.name}}{{end}}{{"\n"}}{{end}}{{end}}`

// requireContainers requires that the Pods of details have these containers, "those that start first / the others".
func requireContainers(t testing.TB, namespace, want string) {
	t.Helper()
	pods := kubectl(t, "get", "pods", "-n", namespace, "-l", "app=details", "-o", containersOf)
	if got := strings.Fields(strings.ReplaceAll(pods, " ", "_")); len(got) != 2 {
		t.Fatalf("details has the Pods %q, want 2", pods)
	}
	for line := range strings.Lines(pods) {
		if got := strings.TrimSpace(line); got != want {
			t.Errorf("a Pod of details has the containers %q, want %q", got, want)
		}
	}
}

// requireFilterInNewPods requires that the Pods that have just come to be of details answer with the header, each time, and
// that the status counts them.
func requireFilterInNewPods(t testing.TB, namespace string) {
	t.Helper()
	for range 10 {
		suite.Eventually(t, func(context.Context) error {
			a, err := ask(t, namespace, "http://details:9080/")
			if errors.Is(err, errUnreached) {
				return err // the client's proxy has yet to learn that a former one is gone
			}
			if err == nil {
				err = a.filtered()
			}
			if err != nil {
				t.Errorf("of the new Pods: %v", err)
			}
			return nil
		})
	}
	requireProxies(t, namespace, "test", 2)
}
