//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/autowasm/autowasm/e2e/machine"
	"github.com/autowasm/autowasm/e2e/process"
)

// containerdSocket is containerd's, in each node's own /run.
const containerdSocket = "/run/containerd/containerd.sock"

// kubeletSysctls are what kubelet wants them to be: where it finds them so, it does not set the kernel's, which are those
// of every program on this machine.
var kubeletSysctls = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

// nodeMounts are the directories that containerd, kubelet and the CNI plugins have at fixed paths.
func nodeMounts(dir string) []machine.Mount {
	return []machine.Mount{
		{Source: filepath.Join(dir, "run"), Target: "/run"},
		{Source: filepath.Join(dir, "log"), Target: "/var/log"},
		{Source: filepath.Join(dir, "lib"), Target: "/var/lib", Shared: true}, // with the volumes of Pods
	}
}

// startNodes starts the nodes and waits until all are ready.
func (c *Cluster) startNodes(ctx context.Context) error {
	var starts []func(context.Context) error
	for i := range nodeNets {
		starts = append(starts, func(ctx context.Context) error { return c.startNode(ctx, nodeNets[i], c.nodes[i]) })
	}
	if err := together(ctx, starts...); err != nil {
		return err
	}
	if err := process.Poll(ctx, c.nodesReady); err != nil {
		return fmt.Errorf("wait for the nodes: %w", err)
	}
	c.logf("the nodes are ready")
	return nil
}

func (c *Cluster) startNode(ctx context.Context, n nodeNet, m *machine.Machine) error {
	if err := c.configureNode(n); err != nil {
		return fmt.Errorf("configure %s: %w", n.name, err)
	}
	containerd, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	err = c.run(ctx, m, process.Command{
		Name: "containerd-" + n.name, Path: containerd, Args: []string{"--config=" + c.data(n.name, "containerd.toml")},
	}, c.exists(n, containerdSocket))
	if err != nil {
		return err
	}
	err = c.run(ctx, m, process.Command{Name: "kube-proxy-" + n.name, Path: c.binaries.kube, Args: []string{
		"kube-proxy", "--config=" + c.data(n.name, "kube-proxy.yaml"),
	}}, started)
	if err != nil {
		return err
	}
	err = c.run(ctx, m, process.Command{Name: "networkpolicies-" + n.name, Path: c.binaries.networkPolicies, Args: []string{
		"--kubeconfig=" + c.kubeconfigOf(policyUser), "--node=" + n.name,
	}}, started)
	if err != nil {
		return err
	}
	return c.run(ctx, m, process.Command{Name: "kubelet-" + n.name, Path: c.binaries.kube, Args: []string{
		"kubelet", "--config=" + c.data(n.name, "kubelet.yaml"), "--kubeconfig=" + c.kubeconfigOf(nodeUser(n.name)),
		"--hostname-override=" + n.name, "--node-ip=" + n.address,
	}}, started)
}

// started is enough for a part that something else shows to be ready.
func started(context.Context) error { return nil }

// exists is passed when a file is there in a node's own /run.
func (c *Cluster) exists(n nodeNet, path string) func(context.Context) error {
	file := c.data(n.name, path)
	return func(context.Context) error {
		_, err := os.Stat(file)
		return err
	}
}

// nodesReady returns nil when every node is.
func (c *Cluster) nodesReady(ctx context.Context) error {
	list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	ready := 0
	var errs []error
	for _, node := range list.Items {
		for _, condition := range node.Status.Conditions {
			switch {
			case condition.Type != corev1.NodeReady:
			case condition.Status == corev1.ConditionTrue:
				ready++
			default:
				errs = append(errs, fmt.Errorf("%s: %s", node.Name, condition.Message))
			}
		}
	}
	if ready < len(nodeNets) {
		return errors.Join(append(errs, fmt.Errorf("%d of %d nodes are ready", ready, len(nodeNets)))...)
	}
	return nil
}
