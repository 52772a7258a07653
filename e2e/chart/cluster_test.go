// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// installer runs Helm on a cluster of its own, to which nothing of AutoWasm's was applied by other means.
type installer struct {
	*suite.Cluster
	t    *testing.T
	helm Helm
}

func newInstaller(t *testing.T) *installer {
	t.Helper()
	cluster := suite.Start(t, env.Options{WithoutWasmer: true})
	for _, part := range []string{"rbac", "crd"} {
		if err := cluster.DeleteManifests(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	return &installer{cluster, t, Helm{Binary: helm.Binary, Home: helm.Home, Kubeconfig: cluster.Kubeconfig}}
}

// run runs Helm in wasmer's namespace and fails the test with its message.
func (i *installer) run(args ...string) string {
	i.t.Helper()
	out, err := i.helm.Run(i.t.Context(), append(args, "--namespace="+namespace)...)
	if err != nil {
		i.t.Fatal(err)
	}
	return out
}

// refused runs Helm and requires that it fails with words.
func (i *installer) refused(words string, args ...string) {
	i.t.Helper()
	out, err := i.helm.Run(i.t.Context(), args...)
	if err == nil || !strings.Contains(err.Error(), words) {
		i.t.Errorf("helm %v: got %v, want %q\n%s", args, err, words, out)
	}
}

// kubectl returns what kubectl prints.
func (i *installer) kubectl(args ...string) string {
	i.t.Helper()
	out, err := i.Kubectl(i.t.Context(), args...)
	if err != nil {
		i.t.Fatal(err)
	}
	return strings.TrimSpace(out.Stdout)
}

// autoWasm applies one and waits until it is in force.
func (i *installer) autoWasm(ns, name string) {
	i.t.Helper()
	img, err := image.Image(wasmtest.Module(wasmtest.Salt(name)), "0.2.1")
	if err != nil {
		i.t.Fatal(err)
	}
	ref := i.Push(i.t, name+":v1", img)
	i.Apply(i.t, ns, suite.Manifest{Name: name, Source: suite.Image(ref)}.String())
	i.WaitPhase(i.t, ns, name, v1alpha1.PhaseSynced)
}

// newer is a copy of the chart of a later version, with a CRD that has another description.
func newer(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "wasmer")
	if err := os.CopyFS(dir, os.DirFS(chartDir())); err != nil {
		t.Fatal(err)
	}
	replaceIn(t, filepath.Join(dir, "Chart.yaml"), "\nversion: 0.1.0\n", "\nversion: 0.2.0\n")
	replaceIn(t, filepath.Join(dir, "files", "crd.yaml"), "    - aw\n", "    - aw\n    - awnew\n")
	return dir
}

func replaceIn(t *testing.T, path, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), old) != 1 {
		t.Fatalf("%s does not have %q once", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, replacement, 1)), fs.ModePerm); err != nil {
		t.Fatal(err)
	}
}

// tooOldIstio installs where an istiod of such a version runs.
func (i *installer) tooOldIstio() {
	i.t.Helper()
	i.kubectl("create", "deployment", "istiod-1-24", "-n", namespace, "--image=docker.io/istio/pilot:1.24.6-distroless")
	i.kubectl("label", "deployment", "istiod-1-24", "-n", namespace, "app=istiod", "--overwrite")
	i.refused("Istio 1.24.6 in namespace istio-system is too old: AutoWasm needs Istio 1.25 or later",
		"install", release, chartDir(), "--namespace="+namespace)
	i.kubectl("set", "image", "deployment/istiod-1-24", "*=docker.io/istio/pilot:dev", "-n", namespace)
	// As Istio's charts have it that were not released, such as those of its Go module.
	i.kubectl("label", "deployment", "istiod-1-24", "-n", namespace, "app.kubernetes.io/version=1.0.0")
}

// fills starts a wasmer with webhooks, which fills the Secret and the Lease that the chart declares.
func (i *installer) fills() {
	i.t.Helper()
	if err := i.StartWasmer(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
	if got := i.kubectl("get", "secret", "wasmer-webhook-ca", "-n", namespace, `-o=jsonpath={.data.ca\.crt}`); got == "" {
		i.t.Error("the Secret wasmer-webhook-ca is still empty")
	}
	suite.Eventually(i.t, func(ctx context.Context) error {
		out, err := i.Kubectl(ctx, "get", "lease", "wasmer", "-n", namespace, "-o=jsonpath={.spec.holderIdentity}")
		if err == nil && out.Stdout == "" {
			return errors.New("nobody holds the Lease wasmer")
		}
		return err
	})
	if err := i.StopWasmer(); err != nil {
		i.t.Error(err)
	}
}

// authorityOfAnEarlierBuild recreates the Secret as a wasmer before v0.1.0 did: an upgrade is refused until it is forced once,
// and the authority stays.
func (i *installer) authorityOfAnEarlierBuild() {
	i.t.Helper()
	secret := []string{"secret", "wasmer-webhook-ca", "--namespace=" + namespace}
	i.kubectl(append([]string{"delete"}, secret...)...)
	i.kubectl("create", "secret", "generic", secret[1], secret[2], "--from-literal=ca.crt=authority", "--field-manager=wasmer")
	i.kubectl(append(append([]string{"label"}, secret...), "app.kubernetes.io/managed-by=autowasm", "--field-manager=wasmer")...)
	upgrade := []string{"upgrade", release, chartDir(), "--namespace=" + namespace}
	i.refused(`conflict with "wasmer"`, upgrade...)
	i.run("upgrade", release, chartDir(), "--force-conflicts")
	i.run("upgrade", release, chartDir())
	if got := i.kubectl(append([]string{"get", `-o=jsonpath={.data.ca\.crt}`}, secret...)...); got == "" {
		i.t.Error("the upgrade emptied the Secret wasmer-webhook-ca")
	}
	i.kubectl(append(append([]string{"patch"}, secret...), "--type=merge", "--patch={\"data\":null}")...) // it is none that wasmer could use
}

// certManager applies the CRDs of cert-manager and installs the chart with what they define.
func (i *installer) certManager() {
	i.t.Helper()
	i.kubectl("apply", "--server-side", "-f", filepath.Join(moduleDir(i.t, "github.com/cert-manager/cert-manager"), "deploy", "crds"))
	if err := i.WaitForCRDs(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
	suite.Eventually(i.t, func(ctx context.Context) error {
		_, err := i.helm.Run(ctx, "upgrade", "--install", release, chartDir(), "--namespace="+namespace, "--set=certs.mode=cert-manager")
		return err
	})
	if got := i.kubectl("get", "certificates,issuers", "-n", namespace, "-o=name"); strings.Count(got, "/wasmer-webhook") != 4 {
		i.t.Errorf("cert-manager is to make these:\n%s", got)
	}
	i.run("uninstall", release)
}

// takeOver installs the chart over the kustomization, which restarts nothing.
func (i *installer) takeOver() {
	i.t.Helper()
	i.kubectl("apply", "--server-side", "-k", filepath.Join(checkout, "manifests"))
	i.refused("invalid ownership metadata", "install", release, chartDir(), "--namespace="+namespace)
	spec := []string{"get", "deployment", "wasmer", "-n", namespace, "-o=jsonpath={.spec}"}
	before := i.kubectl(spec...)
	i.run("install", release, chartDir(), "--take-ownership", "--force-conflicts")
	if diff := cmp.Diff(before, i.kubectl(spec...)); diff != "" {
		i.t.Errorf("the replicas are replaced (-before +after):\n%s", diff)
	}
	i.run("upgrade", release, chartDir(), "--set=replicas=3", "--force-conflicts")
	if got := i.kubectl("get", "deployment", "wasmer", "-n", namespace, "-o=jsonpath={.spec.replicas}"); got != "3" {
		i.t.Errorf("after an upgrade there are %s replicas", got)
	}
	i.run("uninstall", release)
}

// withoutIstio is nil once the API server does not have its kinds.
func (i *installer) withoutIstio(ctx context.Context) error {
	out, err := i.Kubectl(ctx, "api-resources", "--api-group=networking.istio.io", "--cached=false", "-o=name")
	if err == nil && strings.Contains(out.Stdout, "envoyfilters") {
		return errors.New("it is still served")
	}
	return err
}

// moduleDir is where a module that the product requires is, as the go command has it.
func moduleDir(t *testing.T, path string) string {
	t.Helper()
	dir, err := build.ModuleDir(t.Context(), checkout, path)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
