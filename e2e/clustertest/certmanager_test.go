//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
)

// TestCertManager changes wasmer's certificates to those of cert-manager and back, and has happen between what happens to
// certificates in years. The kubelets of two nodes bring them, in their own time, and no admission may fail.
func TestCertManager(t *testing.T) {
	cm := startCertManager(t)
	t.Cleanup(func() { restoreWasmer(t) })
	ns := newNamespace(t, "certmanager")
	l := startLoad(t, ns, push(t, "certmanager/wasm-add-header"))
	scenario := func(name string, happen func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			happen(t)
			time.Sleep(2 * time.Second) // of load, for what comes after
			l.check(t, 0)
		})
	}

	scenario("first issuance", func(t *testing.T) { upgradeWasmer(t, "--set=certs.mode=cert-manager") })
	shakes := startHandshakes(t)
	r := wasmerPods(t)
	scenario("renewal", func(t *testing.T) {
		former, renewed := renew(t, servingSecret)
		r[0].mount(t)
		r[0].waitServes(t, renewed)
		r[1].requireServes(t, former)
		r[1].mount(t)
		r[1].waitServes(t, renewed)
	})
	scenario("renewal of the authority", func(t *testing.T) {
		renew(t, rootSecret)
		_, renewed := renew(t, servingSecret)
		r.mountAndServe(t, renewed)
	})
	scenario("deletion of both Secrets, as it is documented", func(t *testing.T) {
		former, user := secretNow(t, servingSecret), documentedShell(t, "default")
		user.Run(t, doctest.Section("cert-manager-rotation"))
		issued := changed(t, servingSecret, former)
		user.Run(t, doctest.Section("cert-manager-mount"))
		r.waitServe(t, issued)
	})
	scenario("cert-manager away", func(t *testing.T) {
		cm.stop(t)
		former := secretNow(t, servingSecret)
		kubectl(t, "delete", "secret", servingSecret, "-n", wasmerNamespace)
		r.mount(t)
		time.Sleep(3 * time.Second) // the kubelets try to
		r.requireServe(t, former)
		cm.start(t)
		r.mountAndServe(t, changed(t, servingSecret, former))
	})
	scenario("a new authority while cainjector is away", func(t *testing.T) {
		cm.cainjector.stop(t)
		remove(t, rootSecret)
		former, issued := renew(t, servingSecret)
		r[1].mount(t)
		r[0].delete(t) // the one in its place starts with what nobody trusts yet
		time.Sleep(3 * time.Second)
		r[1].requireServes(t, former)
		cm.cainjector.start(t)
		wasmerPods(t).waitServe(t, issued)
	})
	shakes.stop(t)
	scenario("back to wasmer's own authority", func(t *testing.T) { upgradeWasmer(t) })
	scenario("loss of wasmer's own authority", func(t *testing.T) {
		shakes := startHandshakes(t)
		served := map[pod]*big.Int{}
		for _, p := range wasmerPods(t) {
			served[p] = p.serial(t)
		}
		remove(t, ownSecret)
		for p, former := range served {
			p.waitServesOther(t, former)
		}
		shakes.stop(t)
		upgradeWasmer(t) // Helm's Secret is gone: this one is wasmer's
	})
	l.stop(t, 0)
}

// certManager is cert-manager's programs, built from its Go module.
type certManager struct{ controller, cainjector *program }

// startCertManager starts them, beside the cluster's nodes. All that they made is gone after the test.
func startCertManager(t *testing.T) *certManager {
	t.Helper()
	module, err := build.ModuleDir(t.Context(), inCheckout(t), "github.com/cert-manager/cert-manager")
	if err != nil {
		t.Fatal(err)
	}
	crds := filepath.Join(module, "deploy", "crds")
	applyCRDs(t, "-f", crds)
	t.Cleanup(func() {
		ctx, cancel := suite.Detached(t)
		defer cancel()
		for _, args := range [][]string{
			{"delete", "-f", crds}, {"delete", "secret", rootSecret, servingSecret, "-n", wasmerNamespace, "--ignore-not-found"},
		} {
			if _, err := runKubectl(ctx, "", args...); err != nil {
				t.Error(err)
			}
		}
	})
	cm := &certManager{newCertManager(t, "controller", "127.0.0.1:9403"), newCertManager(t, "cainjector", "127.0.0.1:9404")}
	cm.start(t)
	return cm
}

func (c *certManager) start(t *testing.T) {
	t.Helper()
	c.controller.start(t)
	c.cainjector.start(t)
}

func (c *certManager) stop(t *testing.T) {
	t.Helper()
	c.controller.stop(t)
	c.cainjector.stop(t)
}

func newCertManager(t *testing.T, name, health string) *program {
	t.Helper()
	return newProgram(t, build.CertManager, health, process.Command{
		Name: name, Args: []string{name, "--kubeconfig=" + helm.Kubeconfig, "--health-address=" + health, "-v=2"},
	})
}
