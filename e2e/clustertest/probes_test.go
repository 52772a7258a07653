//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/e2e/suite"
)

// probePods connect to others, without a proxy. To policies the last one is a replica of wasmer, but never a ready one.
const probePods = `
apiVersion: v1
kind: Pod
metadata: {name: stranger, labels: {app: stranger, sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: app, image: IMAGE}]}
---
apiVersion: v1
kind: Pod
metadata: {name: scraper, labels: {app: scraper, sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: app, image: IMAGE}]}
`

const wasmerProbe = `
apiVersion: v1
kind: Pod
metadata: {name: as-wasmer, labels: {app.kubernetes.io/name: wasmer, sidecar.istio.io/inject: "false"}}
spec:
  readinessGates: [{conditionType: autowasm.example/never}]
  containers: [{name: app, image: IMAGE}]
`

// A probes tells which addresses a Pod reaches.
type probes struct {
	addresses map[string]string // by a name
	namespace map[string]string // of each Pod
}

// startProbes starts the Pods that probe wasmer, an application in a namespace, and what wasmer may call.
func startProbes(t testing.TB, app string) probes {
	t.Helper()
	outside := newNamespace(t, "outside")
	image := variable(t, "APP_IMAGE")
	apply(t, outside, strings.ReplaceAll(probePods, "IMAGE", image))
	t.Cleanup(func() { deleteWasmerProbe(t) })
	apply(t, wasmerNamespace, strings.ReplaceAll(wasmerProbe, "IMAGE", image))
	p := probes{
		namespace: map[string]string{"stranger": outside, "scraper": outside, "as-wasmer": wasmerNamespace},
		addresses: map[string]string{"registry": variable(t, "REGISTRY")},
	}
	for pod, namespace := range p.namespace {
		kubectl(t, "wait", "pod/"+pod, "-n", namespace, "--for=jsonpath={.status.phase}=Running", suite.TimeoutFlag)
	}
	host, port := apiServer(t)
	p.addresses["apiserver"] = net.JoinHostPort(host, port)
	p.add(t, "wasmer", wasmerNamespace, "app.kubernetes.io/name=wasmer,pod-template-hash", "8080", "8081", "8082", "9443")
	p.add(t, "istiod", wasmerNamespace, "app=istiod", "15010", "15012", "15014")
	p.add(t, "details", app, "app=details", "9080", "15090")
	p.add(t, "dns", "kube-system", "k8s-app=kube-dns", "53")
	return p
}

// add adds ports of one of the Pods with a label.
func (p probes) add(t testing.TB, name, namespace, label string, ports ...string) {
	t.Helper()
	ip := kubectl(t, "get", "pods", "-n", namespace, "-l", label, "-o=jsonpath={.items[0].status.podIP}")
	for _, port := range ports {
		p.addresses[name+":"+port] = net.JoinHostPort(ip, port)
	}
}

// expect waits until a Pod reaches the addresses of the names and no others: nodes take a moment to know a policy or a Pod, and
// a busy one may take longer to connect than a probe waits.
func (p probes) expect(t testing.TB, pod string, names ...string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error { return p.reaches(ctx, pod, names) })
}

// reaches returns nil when a Pod reaches the addresses of the names and no others.
func (p probes) reaches(ctx context.Context, pod string, names []string) error {
	args := []string{"exec", "-n", p.namespace[pod], pod, "--", "/app", "dial"}
	for _, address := range p.addresses {
		args = append(args, address)
	}
	out, err := runKubectl(ctx, "", args...)
	if err != nil {
		return err
	}
	reached := strings.Fields(out)
	var got []string
	for name, address := range p.addresses {
		if slices.Contains(reached, address) {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(slices.Values(names)), got); diff != "" {
		return fmt.Errorf("what %s reaches (-want +got):\n%s", pod, diff)
	}
	return nil
}

// expectAll is expect for all names.
func (p probes) expectAll(t testing.TB, pod string) {
	t.Helper()
	var names []string
	for name := range p.addresses {
		names = append(names, name)
	}
	p.expect(t, pod, names...)
}

func deleteWasmerProbe(t testing.TB) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if _, err := runKubectl(ctx, "", "delete", "pod/as-wasmer", "-n", wasmerNamespace, "--ignore-not-found", "--now"); err != nil {
		t.Error(err)
	}
}
