//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"testing"

	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/e2e/tutorial"
)

// rootNamespace is Istio's, whose configuration is for the whole mesh.
const rootNamespace = "istio-system"

// meshWide is an AutoWasm whose filter adds another header than the tutorial's.
const meshWide = `
apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: mesh-wide, annotations: {wasm.tcm.io/allow-mesh-wide: "true"}}
spec:
  selector: {matchLabels: {app: details}}
  filter:
    applyPorts: [9080]
    source: {registry: {image: %q}}
    config: {header: mesh, value: wide}
`

// TestNamespaces: an AutoWasm is for the proxies of its namespace, and leaves alone those of another one whose labels are
// the same. One in Istio's root namespace is for both. Each counts those that it is for.
func TestNamespaces(t *testing.T) {
	here, there := newNamespace(t, "here"), newNamespace(t, "there")
	startApp(t, here)
	startApp(t, there)
	image := pushExample(t, "namespaces/wasm-add-header")
	apply(t, here, tutorial.Manifest{Image: image}.String())
	requireProxies(t, here, "test", 2)
	requireHeaders(t, here, "world", "")
	requireHeaders(t, there, "", "")

	apply(t, rootNamespace, fmt.Sprintf(meshWide, image))
	t.Cleanup(func() { deleteMeshWide(t) })
	requireProxies(t, rootNamespace, "mesh-wide", 4)
	requireHeaders(t, here, "world", "wide")
	requireHeaders(t, there, "", "wide")
	requireProxies(t, here, "test", 2)

	// One more proxy, and then none where the namespaced one is.
	kubectl(t, "scale", "-n", there, "deployment/details", "--replicas=3")
	kubectl(t, "scale", "-n", here, "deployment/details", "--replicas=0")
	requireProxies(t, rootNamespace, "mesh-wide", 3)
	kubectl(t, "wait", "-n", here, "autowasm/test", suite.TimeoutFlag,
		`--for=jsonpath={.status.conditions[?(@.type=="ProxiesLoaded")].reason}=NoProxySelected`)

	deleteMeshWide(t)
	requireHeaders(t, there, "", "")
}

// requireHeaders waits until details of a namespace, asked from there, answers with these headers hello and mesh, "" for one
// that is not there.
func requireHeaders(t testing.TB, namespace, hello, mesh string) {
	t.Helper()
	suite.Eventually(t, func(context.Context) error {
		a, err := ask(t, namespace, "http://details:9080/")
		if err != nil {
			return err
		}
		if h, m := a.header.Get("hello"), a.header.Get("mesh"); h != hello || m != mesh {
			return fmt.Errorf("%s answered with the headers hello: %q and mesh: %q, want %q and %q", a.pod, h, m, hello, mesh)
		}
		return nil
	})
}

// deleteMeshWide leaves the root namespace as it was, which stays.
func deleteMeshWide(t testing.TB) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := runKubectl(ctx, "", "delete", "autowasm", "mesh-wide", "-n", rootNamespace, "--ignore-not-found"); err != nil {
		t.Error(err)
	}
}
