//go:build cluster

// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/chart"
	"github.com/autowasm/autowasm/e2e/suite"
)

// release is that of wasmer, in wasmerNamespace.
const release = "wasmer"

// helm is the one of the PATH. Its Home is a directory of this run.
var helm = chart.Helm{Binary: "helm", Kubeconfig: os.Getenv("KUBECONFIG")}

// installWasmer installs wasmer of this checkout, whatever there is of it, and waits until all of its replicas are ready.
func installWasmer(ctx context.Context) error {
	dir, err := chartDir()
	if err != nil {
		return err
	}
	args := []string{"upgrade", "--install", "--take-ownership", "--force-conflicts", "--reset-values", release, dir}
	return changeRelease(ctx, append(args, values())...)
}

// changeRelease runs Helm and waits until all replicas of wasmer are ready.
func changeRelease(ctx context.Context, args ...string) error {
	if _, err := helm.Run(ctx, append(slices.Clip(args), "--namespace="+wasmerNamespace)...); err != nil {
		return err
	}
	_, err := runKubectl(ctx, "", "rollout", "status", "-n", wasmerNamespace, "deployment/wasmer", suite.TimeoutFlag)
	return err
}

// upgradeWasmer upgrades to this checkout's chart with values beside those for this cluster.
func upgradeWasmer(t testing.TB, flags ...string) {
	t.Helper()
	dir, err := chartDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := changeRelease(t.Context(), append([]string{"upgrade", release, dir, "--reset-values", values()}, flags...)...); err != nil {
		t.Fatal(err)
	}
}

// restoreWasmer is for the end of a test that changes how wasmer is installed.
func restoreWasmer(t testing.TB) {
	t.Helper()
	ctx, cancel := suite.Detached(t)
	defer cancel()
	if err := installWasmer(ctx); err != nil {
		t.Errorf("install wasmer as it was: %v", err)
	}
}

// runHelm runs Helm for wasmer's namespace and fails the test with its message.
func runHelm(t testing.TB, args ...string) string {
	t.Helper()
	out, err := helm.Run(t.Context(), append(args, "--namespace="+wasmerNamespace)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// values is the flag with the values for this cluster.
func values() string { return "--values=" + os.Getenv("AUTOWASM_VALUES") }

// chartDir is this checkout's chart.
func chartDir() (string, error) {
	checkout, err := build.FindCheckout(".")
	return filepath.Join(checkout, filepath.FromSlash(chart.Dir)), err
}
