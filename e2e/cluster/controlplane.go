//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/autowasm/autowasm/e2e/process"
)

// startControlPlane starts etcd, the API server, the controllers and the scheduler.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	const etcd = "http://127.0.0.1:2379"
	err := c.run(ctx, c.control, process.Command{Name: "etcd", Path: c.binaries.etcd, Args: []string{
		"--name=autowasm", "--data-dir=" + c.data("etcd"), "--unsafe-no-fsync", "--log-level=warn",
	}}, c.answers(etcd+"/readyz"))
	if err != nil {
		return err
	}
	if err := c.run(ctx, c.control, c.apiServer(etcd), c.apiReady); err != nil {
		return err
	}
	return together(ctx, c.startManager, c.startScheduler)
}

// apiServer calls webhooks and aggregated API servers at the addresses of their Pods: kube-proxy's rules for the
// addresses of Services are the nodes' own.
func (c *Cluster) apiServer(etcd string) process.Command {
	return process.Command{Name: "kube-apiserver", Path: c.binaries.controlPlane, Args: []string{
		"kube-apiserver", "--etcd-servers=" + etcd,
		"--bind-address=" + controlAddress, "--advertise-address=" + controlAddress, fmt.Sprintf("--secure-port=%d", apiPort),
		"--tls-cert-file=" + c.data("apiserver.crt"), "--tls-private-key-file=" + c.data("apiserver.key"),
		"--token-auth-file=" + c.data("tokens.csv"), "--authorization-mode=Node,RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.data("service-account.key"),
		"--service-account-signing-key-file=" + c.data("service-account.key"),
		"--service-cluster-ip-range=" + serviceCIDR, "--endpoint-reconciler-type=lease", "--allow-privileged",
		"--enable-admission-plugins=NodeRestriction", "--enable-aggregator-routing",
		"--kubelet-preferred-address-types=InternalIP", "--shutdown-delay-duration=0s",
	}}
}

func (c *Cluster) apiReady(ctx context.Context) error {
	_, err := c.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err
}

func (c *Cluster) startManager(ctx context.Context) error {
	const user = "system:kube-controller-manager"
	return c.run(ctx, c.control, process.Command{Name: "kube-controller-manager", Path: c.binaries.kube, Args: []string{
		"kube-controller-manager", "--kubeconfig=" + c.kubeconfigOf(user),
		"--authentication-kubeconfig=" + c.kubeconfigOf(user), "--authorization-kubeconfig=" + c.kubeconfigOf(user),
		"--leader-elect=false", "--bind-address=127.0.0.1", "--use-service-account-credentials",
		"--service-account-private-key-file=" + c.data("service-account.key"), "--root-ca-file=" + c.data("apiserver.crt"),
	}}, c.listens("127.0.0.1", 10257))
}

func (c *Cluster) startScheduler(ctx context.Context) error {
	const user = "system:kube-scheduler"
	return c.run(ctx, c.control, process.Command{Name: "kube-scheduler", Path: c.binaries.kube, Args: []string{
		"kube-scheduler", "--kubeconfig=" + c.kubeconfigOf(user),
		"--authentication-kubeconfig=" + c.kubeconfigOf(user), "--authorization-kubeconfig=" + c.kubeconfigOf(user),
		"--leader-elect=false", "--bind-address=127.0.0.1",
	}}, c.listens("127.0.0.1", 10259))
}

// answers gets a URL on control, which is ready when it answers 200.
func (c *Cluster) answers(url string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{DialContext: c.control.DialContext, DisableKeepAlives: true}}
	return func(ctx context.Context) error { return process.Probe(ctx, client, url) }
}

// listens connects to a port on control, which is ready when it listens.
func (c *Cluster) listens(address string, port int) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := c.control.DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
