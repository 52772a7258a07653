//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
)

const (
	wasmerNamespace = "istio-system"
	wasmerReplicas  = 2
)

// livePods are the Pods of wasmer that are not ending.
func livePods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	if err := getJSON(ctx, &list, "pods", "-n", wasmerNamespace, "-l", "app.kubernetes.io/name=wasmer"); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil }), nil
}

// getJSON is kubectl get into an object.
func getJSON(ctx context.Context, into any, args ...string) error {
	out, err := runKubectl(ctx, "", append([]string{"get", "-o", "json"}, args...)...)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(out), into)
}

// leader is the Pod that holds the Lease.
func leader(t testing.TB) (holder corev1.Pod) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		identity, err := runKubectl(ctx, "", "get", "lease", "wasmer", "-n", wasmerNamespace, "-o=jsonpath={.spec.holderIdentity}")
		if err != nil {
			return err
		}
		pods, err := livePods(ctx)
		if err != nil {
			return err
		}
		name, _, _ := strings.Cut(identity, "_")
		i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Name == name })
		if i < 0 {
			return fmt.Errorf("the Lease is held by %q, which is none of %d Pods", identity, len(pods))
		}
		holder = pods[i]
		return nil
	})
	return holder
}

// leadAwayFromIstiod has a replica lead that is not on a node with istiod, which validates each EnvoyFilter, and returns
// its node.
func leadAwayFromIstiod(t testing.TB) (node string) {
	t.Helper()
	suite.Eventually(t, func(ctx context.Context) error {
		istiods, err := runKubectl(ctx, "", "get", "pods", "-n", wasmerNamespace, "-l", "app=istiod", "-o=jsonpath={.items[*].spec.nodeName}")
		if err != nil {
			return err
		}
		holder := leader(t)
		if node = holder.Spec.NodeName; !strings.Contains(istiods, node) {
			return nil
		}
		evict(t, holder)
		awaitReplicas(t)
		return fmt.Errorf("%s leads, on %s, which has istiod", holder.Name, node)
	})
	return node
}

// cutOff cuts off a node, until the function that it returns is called or the test ends. The command gets the node's name,
// and down or up.
func cutOff(t testing.TB, command, node string) (reconnect func()) {
	t.Helper()
	link := func(state string) error {
		args := append(strings.Fields(command), node, state)
		_, err := process.Output(exec.CommandContext(context.WithoutCancel(t.Context()), args[0], args[1:]...))
		return err
	}
	t.Cleanup(func() {
		if err := link("up"); err != nil {
			t.Error(err)
		}
	})
	if err := link("down"); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := link("up"); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitReplicas waits until all replicas are ready and those that were replaced are gone, and one leads.
func awaitReplicas(t testing.TB) {
	t.Helper()
	kubectl(t, "rollout", "status", "-n", wasmerNamespace, "deployment/wasmer", suite.TimeoutFlag)
	suite.Eventually(t, func(ctx context.Context) error {
		var list corev1.PodList
		if err := getJSON(ctx, &list, "pods", "-n", wasmerNamespace, "-l", "app.kubernetes.io/name=wasmer"); err != nil {
			return err
		}
		if len(list.Items) != wasmerReplicas {
			return fmt.Errorf("wasmer has %d Pods", len(list.Items))
		}
		return nil
	})
	leader(t)
}

// rollWasmer replaces wasmer's replicas. The new ones have to be on two nodes.
func rollWasmer(t testing.TB) {
	t.Helper()
	restart(t, wasmerNamespace, "wasmer")
	pods, err := livePods(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[string]bool{}
	for _, p := range pods {
		nodes[p.Spec.NodeName] = true
	}
	if len(pods) != wasmerReplicas || len(nodes) != wasmerReplicas {
		t.Errorf("%d replicas are on %d nodes: %v", len(pods), len(nodes), nodes)
	}
}

// evict has the Eviction API end a Pod, as cluster autoscalers do.
func evict(t testing.TB, p corev1.Pod) {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": %q, "namespace": %q}}`, p.Name, p.Namespace)
	path := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/eviction", p.Namespace, p.Name)
	if _, err := runKubectl(t.Context(), body, "create", "--raw", path, "-f", "-"); err != nil {
		t.Fatal(err)
	}
	suite.Eventually(t, func(ctx context.Context) error { return gone(ctx, p) })
}

// gone returns an error while a Pod is there.
func gone(ctx context.Context, p corev1.Pod) error {
	pods, err := runKubectl(ctx, "", "get", "pods", "-n", p.Namespace, "-o", "name")
	if err == nil && strings.Contains(pods, p.Name) {
		err = errors.New("Pod " + p.Name + " is still there")
	}
	return err
}

// drain takes everything off a node and lets Pods come back. What stays is istiod, which has one replica and a budget that
// keeps it, the cluster's DNS, which would not move back when the node does, and the client of the application.
func drain(t testing.TB, node string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		if _, err := runKubectl(ctx, "", "uncordon", node); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--pod-selector=app notin (istiod,client),k8s-app!=kube-dns", suite.TimeoutFlag)
	kubectl(t, "uncordon", node)
}

// killer is a Pod that sees all processes of its node, and kills one.
const killer = `
apiVersion: v1
kind: Pod
metadata: {name: killer, namespace: istio-system, labels: {sidecar.istio.io/inject: "false"}}
spec:
  nodeName: %s
  hostPID: true
  restartPolicy: Never
  containers:
  - {name: app, image: %s, args: [kill, wasmer, %s], securityContext: {runAsUser: 0}}
`

// killWasmer ends the process of a replica at once, which the kubelet then starts again in the same Pod.
func killWasmer(t testing.TB, p corev1.Pod) {
	t.Helper()
	apply(t, wasmerNamespace, fmt.Sprintf(killer, p.Spec.NodeName, variable(t, "APP_IMAGE"), p.UID))
	kubectl(t, "wait", "pod/killer", "-n", wasmerNamespace, "--for=jsonpath={.status.phase}=Succeeded", suite.TimeoutFlag)
	kubectl(t, "delete", "pod/killer", "-n", wasmerNamespace)
	suite.Eventually(t, func(ctx context.Context) error {
		restarts, err := runKubectl(ctx, "", "get", "pod", p.Name, "-n", wasmerNamespace, "-o=jsonpath={.status.containerStatuses[0].restartCount}")
		if err == nil && restarts == fmt.Sprint(p.Status.ContainerStatuses[0].RestartCount) {
			err = errors.New("it was not started again yet")
		}
		return err
	})
	time.Sleep(2 * time.Second) // a moment of the load with the new process
}
