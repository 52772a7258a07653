// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/e2e/suite"
)

// withoutWebhooks is for this cluster, which has no Pods that would serve them: wasmer is a process beside it, with the
// rights that the chart gives its service account.
const withoutWebhooks = "--set=flags.webhook=false"

// TestRelease installs the chart, upgrades it, rolls it back and uninstalls it. AutoWasms and what is in force survive
// all of it, and the CRD changes with the release.
func TestRelease(t *testing.T) {
	t.Parallel()
	i := newInstaller(t)
	i.run("install", release, chartDir(), withoutWebhooks)
	if err := i.StartWasmer(t.Context(), "--webhook=false"); err != nil {
		t.Fatal(err)
	}
	ns := i.Namespace(t)
	i.autoWasm(ns, "survivor")
	want := i.inForce(ns, "survivor")
	unchanged := func(after string) {
		t.Helper()
		if diff := cmp.Diff(want, i.inForce(ns, "survivor")); diff != "" {
			t.Errorf("after %s (-before +after):\n%s", after, diff)
		}
	}

	i.run("upgrade", release, newer(t), withoutWebhooks)
	unchanged("an upgrade")
	if names := i.shortNames(); !strings.Contains(names, "awnew") {
		t.Errorf("the CRD was not upgraded: it has the short names %s", names)
	}
	published := i.fromRegistry()
	i.run("upgrade", release, published, "--plain-http", "--set=replicas=3", "--reset-values")
	unchanged("an upgrade from a registry")
	if hooks := i.kubectl("get", "validatingwebhookconfigurations", "-o=name"); !strings.Contains(hooks, "/wasmer") {
		t.Errorf("with the default values there are these webhooks: %s", hooks)
	}
	i.run("rollback", release, "1")
	unchanged("a rollback")
	if names := i.shortNames(); strings.Contains(names, "awnew") {
		t.Errorf("the CRD was not rolled back: it has the short names %s", names)
	}
	i.autoWasm(ns, "after-rollback")

	i.uninstall(ns, published, unchanged)
}

// uninstall leaves the CRD, the AutoWasms and what is in force, and in the documented order, with crds.keep=false, nothing.
func (i *installer) uninstall(ns, published string, unchanged func(string)) {
	t := i.t
	t.Helper()
	if err := i.StopWasmer(); err != nil { // as its Pods would
		t.Fatal(err)
	}
	i.run("uninstall", release)
	unchanged("an uninstall")
	if diff := cmp.Diff("customresourcedefinition.apiextensions.k8s.io/autowasms.wasm.tcm.io", i.left()); diff != "" {
		t.Errorf("an uninstall leaves (-documented +left):\n%s", diff)
	}
	i.run("install", release, published, "--plain-http", withoutWebhooks, "--set=crds.keep=false")
	if err := i.StartWasmer(t.Context(), "--webhook=false"); err != nil {
		t.Fatal(err)
	}
	unchanged("an install from a registry")
	i.autoWasm(ns, "after-install")

	i.kubectl("delete", "autowasms", "--all", "--all-namespaces")
	for _, name := range []string{"survivor", "after-rollback", "after-install"} {
		i.WaitGone(t, ns, name)
	}
	if err := i.StopWasmer(); err != nil {
		t.Fatal(err)
	}
	i.run("uninstall", release)
	suite.Eventually(t, func(context.Context) error {
		if left := i.left(); left != "" {
			return fmt.Errorf("with crds.keep=false an uninstall leaves\n%s", left)
		}
		return nil
	})
}

// inForce is what must stay the same.
type inForce struct {
	AutoWasm   types.UID
	Generation int64
	Filter     types.UID
	Written    string // the filter's resourceVersion
}

func (i *installer) inForce(ns, name string) inForce {
	i.t.Helper()
	aw, err := i.AutoWasm(i.t.Context(), ns, name)
	if err != nil {
		i.t.Fatal(err)
	}
	ef, err := i.EnvoyFilter(i.t.Context(), ns, name)
	if err != nil {
		i.t.Fatal(err)
	}
	return inForce{aw.UID, aw.Generation, ef.UID, ef.ResourceVersion}
}

func (i *installer) shortNames() string {
	return i.kubectl("get", "crd", "autowasms.wasm.tcm.io", "-o=jsonpath={.spec.names.shortNames}")
}

// left are the objects of every kind that the chart has, and those that wasmer makes, wherever their names tell that
// they are wasmer's.
func (i *installer) left() string {
	i.t.Helper()
	kinds := "crd,clusterrole,clusterrolebinding,role,rolebinding,serviceaccount,service,deployment,poddisruptionbudget," +
		"flowschema,mutatingwebhookconfiguration,validatingwebhookconfiguration,validatingadmissionpolicy," +
		"validatingadmissionpolicybinding,networkpolicy,secret,configmap,lease,envoyfilter"
	var left []string
	for name := range strings.FieldsSeq(i.kubectl("get", kinds, "--all-namespaces", "-o=name")) {
		if strings.Contains(name, "wasmer") || strings.Contains(name, "autowasm") {
			left = append(left, name)
		}
	}
	return strings.Join(left, "\n")
}

// fromRegistry packages the newer chart, pushes it and returns where it is.
func (i *installer) fromRegistry() string {
	i.t.Helper()
	dir := i.t.TempDir()
	i.run("package", newer(i.t), "--destination="+dir)
	repository := "oci://" + i.Registry + "/charts"
	i.run("push", filepath.Join(dir, "wasmer-0.2.0.tgz"), repository, "--plain-http")
	return repository + "/wasmer"
}

// TestInstallsThatAreRefused say why in one sentence, and change nothing.
func TestInstallsThatAreRefused(t *testing.T) {
	t.Parallel()
	i := newInstaller(t)
	i.refused("certs.mode is cert-manager, and this cluster does not have its Certificate: install cert-manager first, or use certs.mode self",
		"install", release, chartDir(), "--namespace="+namespace, "--set=certs.mode=cert-manager")
	i.tooOldIstio()
	i.refused("this cluster does not have their kinds: install the Prometheus operator first, or leave them out",
		"install", release, chartDir(), "--namespace="+namespace, "--set=podMonitor.enabled=true")
	if left := i.left(); left != "" {
		t.Errorf("a refused install leaves\n%s", left)
	}
	i.run("install", release, chartDir())
	i.refused("wasmer is installed in this cluster already, as release wasmer in namespace istio-system: there can be one, upgrade that",
		"install", "second", chartDir(), "--namespace=default")
	i.run("upgrade", release, chartDir(), "--set=networkPolicy.enabled=true,networkPolicy.apiServerCIDRs={10.0.0.1/32},networkPolicy.egress.enabled=true",
		"--set=secrets.access=Listed,secrets.namespaces={default}")
	i.authorityOfAnEarlierBuild()
	i.fills()
	i.run("uninstall", release)
	i.certManager()
	i.takeOver()

	i.kubectl("delete", "crd", "envoyfilters.networking.istio.io")
	suite.Eventually(t, i.withoutIstio)
	i.refused("this cluster does not have Istio's EnvoyFilter: install Istio first",
		"install", release, chartDir(), "--namespace="+namespace)
}
