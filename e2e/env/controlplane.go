// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/autowasm/autowasm/e2e/process"
)

func (e *Environment) startEtcd(ctx context.Context) error {
	_, ports, err := e.launch(ctx, component{
		name: "etcd", ports: 2, timeout: Timeout,
		command: e.etcdCommand,
		ready: func(ctx context.Context, ports []int) error {
			return Probe(ctx, "http://"+address(ports[0])+"/readyz")
		},
	})
	if err != nil {
		return err
	}
	e.etcdURL = "http://" + address(ports[0])
	return nil
}

// etcdCommand listens for clients at the first port and, in vain, for peers at the second. Its data are thrown
// away, so that it need not wait for the disk.
func (e *Environment) etcdCommand(ports []int) process.Command {
	clients, peers := "http://"+address(ports[0]), "http://"+address(ports[1])
	return process.Command{Name: "etcd", Path: e.binaries.Etcd, Args: []string{
		"--name=autowasm", "--data-dir=" + e.data("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers,
		"--initial-cluster=autowasm=" + peers,
	}}
}

func (e *Environment) startAPIServer(ctx context.Context) error {
	client := e.apiClient()
	_, ports, err := e.launch(ctx, component{
		name: "kube-apiserver", ports: 1, timeout: Timeout,
		command: e.apiServerCommand,
		ready: func(ctx context.Context, ports []int) error {
			return process.Probe(ctx, client, "https://"+address(ports[0])+"/readyz")
		},
	})
	if err != nil {
		return err
	}
	e.apiURL = "https://" + address(ports[0])
	return e.writeKubeconfigs()
}

// apiServerCommand leaves the API server's defaults as they are where it can. It advertises no endpoints: there
// is nothing in a Pod that would look for it.
func (e *Environment) apiServerCommand(ports []int) process.Command {
	return process.Command{Name: "kube-apiserver", Path: e.binaries.APIServer, Args: []string{
		"kube-apiserver", "--etcd-servers=" + e.etcdURL,
		"--bind-address=" + loopback, fmt.Sprintf("--secure-port=%d", ports[0]),
		"--tls-cert-file=" + e.data("apiserver.crt"), "--tls-private-key-file=" + e.data("apiserver.key"),
		"--token-auth-file=" + e.data("tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + e.data("service-account.key"),
		"--service-account-signing-key-file=" + e.data("service-account.key"),
		"--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--allow-privileged",
		"--admission-control-config-file=" + e.data(admissionControl),
	}}
}

// startControllers runs the controllers whose work is part of what a test or a user sees here, and none of those that
// are for nodes and Pods.
func (e *Environment) startControllers(ctx context.Context) error {
	_, _, err := e.launch(ctx, component{
		name: "controllers", ports: 1, timeout: Timeout,
		command: e.controllersCommand,
		ready: func(ctx context.Context, ports []int) error {
			return Probe(ctx, "http://"+address(ports[0])+"/healthz")
		},
	})
	return err
}

func (e *Environment) controllersCommand(ports []int) process.Command {
	return process.Command{Name: "controllers", Path: e.binaries.ControlPlane, Args: []string{
		"controllers", "--kubeconfig=" + e.controllersKubeconfig(), "--health-address=" + address(ports[0]),
	}}
}

func (e *Environment) apiClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(e.creds.caPEM)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
}
