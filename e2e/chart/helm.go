// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/process"
)

// Dir is the chart's directory in a checkout.
const Dir = "manifests/charts/wasmer"

const (
	release   = "wasmer"
	namespace = "istio-system"
)

// Helm runs the program Binary. Kubeconfig is that of the cluster, "" for none; Home is a directory for what Helm
// keeps, so that nothing of the user's own counts.
type Helm struct {
	Binary, Kubeconfig, Home string
}

// Run runs Helm and returns what it printed on standard output. An error has what it printed on standard error.
func (h Helm) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.Binary, args...)
	cmd.Env = append(os.Environ(), h.variables()...)
	return process.Output(cmd)
}

func (h Helm) variables() []string {
	home := func(name string) string { return filepath.Join(h.Home, name) }
	return []string{
		"KUBECONFIG=" + h.Kubeconfig, "HELM_CACHE_HOME=" + home("cache"), "HELM_CONFIG_HOME=" + home("config"),
		"HELM_DATA_HOME=" + home("data"), "HELM_PLUGINS=" + home("plugins"), "HELM_NAMESPACE=",
	}
}

// Template renders the chart at dir as helm template does, for the namespace of the kustomization.
func (h Helm) Template(ctx context.Context, dir string, args ...string) (string, error) {
	return h.Run(ctx, append([]string{"template", release, dir, "--namespace=" + namespace}, args...)...)
}

// Build returns Helm, which it builds when the cache has none and links into bin/ of the checkout, and a function that
// removes what it kept.
func Build(ctx context.Context, checkout string) (h Helm, remove func(), err error) {
	builder, err := build.NewBuilder(checkout, "", nil)
	if err != nil {
		return h, nil, err
	}
	binary, err := builder.Part(ctx, build.Helm)
	if err != nil {
		return h, nil, err
	}
	if h.Binary, err = builder.Link("helm", binary); err != nil {
		return h, nil, err
	}
	if h.Home, err = os.MkdirTemp("", "autowasm-helm-"); err != nil {
		return h, nil, fmt.Errorf("make a directory for what Helm keeps: %w", err)
	}
	return h, func() { _ = os.RemoveAll(h.Home) }, nil
}
