//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
)

// An argoCD is Argo CD's application controller and repo server, beside the cluster's nodes, and a Git repository with the
// manifests of an Application.
type argoCD struct {
	dir    string // where a user works, with a clone of the repository in team
	origin string // the repository
	image  string // the tutorial's filter
}

const (
	argoNamespace = "argocd"
	argoShop      = "argocd-shop" // what the page calls shop
)

// The addresses of Argo CD's parts.
const (
	repoServer       = "127.0.0.1:9421"
	repoServerHealth = "127.0.0.1:9422"
	argoCache        = "127.0.0.1:9423"
	controllerHealth = "127.0.0.1:9424"
)

// startArgoCD starts the controllers. All that they and the test made is gone after the test.
func startArgoCD(t *testing.T) *argoCD {
	t.Helper()
	a := &argoCD{dir: t.TempDir(), origin: filepath.Join(t.TempDir(), "team.git")}
	git(t, a.dir, "init", "-q", "--bare", "--initial-branch=main", a.origin)
	installArgoCD(t)
	startArgoCache(t)
	temp := t.TempDir()
	newArgoCD(t, "argocd-repo-server", repoServerHealth,
		[]string{"ARGOCD_GPG_ENABLED=false", "ARGOCD_ASK_PASS_SOCK=" + filepath.Join(temp, "ask"), "TMPDIR=" + temp},
		"--address=127.0.0.1", "--port="+port(repoServer), "--metrics-address=127.0.0.1", "--metrics-port="+port(repoServerHealth), "--disable-tls").start(t)
	// With health in the Application's status, kubectl shows what Argo CD's own command line does.
	newArgoCD(t, "argocd-application-controller", controllerHealth,
		[]string{"KUBECONFIG=" + os.Getenv("KUBECONFIG"), "ARGOCD_FAKE_IN_CLUSTER=true"},
		"--namespace="+argoNamespace, "--metrics-port="+port(controllerHealth), "--repo-server="+repoServer, "--repo-server-plaintext",
		"--persist-resource-health").start(t)
	t.Cleanup(func() { removeApplication(t) }) // while the controller runs
	return a
}

func newArgoCD(t *testing.T, name, health string, env []string, args ...string) *program {
	t.Helper()
	return newProgram(t, build.ArgoCDControllers, health, process.Command{
		Name: name, Args: append([]string{name, "--redis=" + argoCache, "--logformat=text"}, args...), Env: env,
	})
}

func port(address string) string {
	_, port, _ := strings.Cut(address, ":")
	return port
}

// startArgoCache starts what stands for redis.
func startArgoCache(t *testing.T) {
	t.Helper()
	server, err := process.Start(process.Command{
		Name: "redis", Path: partPath(t, build.ArgoCDControllers), Args: []string{"redis", "--address=" + argoCache},
	}, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(10 * time.Second); err != nil {
			t.Error(err)
		}
	})
	err = server.WaitReady(t.Context(), process.Timeout, func(ctx context.Context) error {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", argoCache)
		if err == nil {
			err = connection.Close()
		}
		return err
	})
	if err != nil {
		t.Fatal(process.NewError(server, err))
	}
}

// settings are those of Argo CD: what its web server makes at its first start, and the cluster, of which the controller watches
// no more than the Application has.
const settings = `
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {server.secretkey: any}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
---
apiVersion: v1
kind: Secret
metadata: {name: cluster, labels: {argocd.argoproj.io/secret-type: cluster}}
stringData:
  {name: in-cluster, server: "https://kubernetes.default.svc", namespaces: ` + argoShop + `, clusterResources: "true", config: "{}"}
`

// installArgoCD installs Argo CD's CRDs and configuration from its module.
func installArgoCD(t *testing.T) {
	t.Helper()
	module, err := build.ModuleDir(t.Context(), inCheckout(t, "e2e", build.ArgoCD.Name), "github.com/argoproj/argo-cd/v3")
	if err != nil {
		t.Fatal(err)
	}
	crds := filepath.Join(module, "manifests", "crds")
	files := []string{"-f", filepath.Join(crds, "application-crd.yaml"), "-f", filepath.Join(crds, "appproject-crd.yaml")}
	t.Cleanup(func() { removeArgoCD(t, files) })
	applyCRDs(t, files...)
	kubectl(t, "create", "namespace", argoNamespace)
	kubectl(t, "apply", "-n", argoNamespace, "-f", filepath.Join(module, "manifests", "base", "config", "argocd-cm.yaml"))
	apply(t, argoNamespace, settings)
}

func removeArgoCD(t *testing.T, crds []string) {
	ctx, cancel := suite.Detached(t)
	defer cancel()
	for _, args := range [][]string{{"delete", "namespace", argoShop, argoNamespace}, append([]string{"delete"}, crds...)} {
		if _, err := runKubectl(ctx, "", append(args, "--ignore-not-found")...); err != nil {
			t.Error(err)
		}
	}
}

// removeApplication leaves what it has applied, which goes with its namespace.
func removeApplication(t *testing.T) {
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if t.Failed() {
		out, err := runKubectl(ctx, "", "get", "application", "shop", "-n", argoNamespace, "-o", "yaml")
		t.Log(out, err, describe(ctx, argoShop))
	}
	if _, err := runKubectl(ctx, "", "delete", "application", "shop", "-n", argoNamespace, "--ignore-not-found"); err != nil {
		t.Error(err)
	}
}
