// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
)

// certManager is cert-manager's programs.
type certManager struct{ controller, cainjector *env.Launched }

// startCertManager starts the controller and, after what happens between, cainjector. They are stopped after the test.
func startCertManager(t *testing.T, between func()) *certManager {
	t.Helper()
	path, err := cluster.Builder().Part(t.Context(), build.CertManager)
	if err != nil {
		t.Fatal(err)
	}
	controller := launch(t, path, "controller")
	between()
	return &certManager{controller, launch(t, path, "cainjector")}
}

func applyCRDs(t *testing.T) {
	t.Helper()
	module, err := cluster.ModuleDir(t.Context(), "github.com/cert-manager/cert-manager")
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.ApplyCRDs(t.Context(), filepath.Join(module, "deploy", "crds"), "cert-manager.io/v1"); err != nil {
		t.Fatal(err)
	}
}

func launch(t *testing.T, path, part string) *env.Launched {
	t.Helper()
	l, err := cluster.Launch(t.Context(), env.Component{
		Name: "cert-manager-" + part, Path: path, Ports: 1,
		Args: func(ports []int) []string {
			return []string{part, "--kubeconfig=" + cluster.Kubeconfig, "--health-address=" + env.Address(ports[0]), "-v=2"}
		},
		Ready: func(ctx context.Context, ports []int) error {
			return env.Probe(ctx, "http://"+env.Address(ports[0])+"/healthz")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, l) })
	return l
}

func stop(t *testing.T, l *env.Launched) {
	t.Helper()
	if err := l.Stop(); err != nil {
		t.Errorf("stop cert-manager: %v", err)
	}
}

func restart(t *testing.T, l *env.Launched) {
	t.Helper()
	if err := l.Restart(t.Context()); err != nil {
		t.Fatalf("start cert-manager again: %v", err)
	}
}
