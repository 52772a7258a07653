//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/build"
)

const (
	istioNamespace   = "istio-system"
	gatewayNamespace = "istio-ingress"
	gatewayName      = "istio-ingressgateway"
	gatewayNodePort  = 30080
)

// istioModule is the directory of Istio's module, with its charts, at the version that istiod is built from.
func (c *Cluster) istioModule() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", "istio.io/istio")
	cmd.Dir = filepath.Join(c.options.Checkout, "e2e", build.Istiod.Name)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find Istio's module: %s: %w", cmd, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", fmt.Errorf("find Istio's module: read the output of %s: %w", cmd, err)
	}
	return module.Dir, nil
}

// installIstio installs Istio's CRDs and istiod, with its injector, and waits for it.
func (c *Cluster) installIstio(ctx context.Context) error {
	if err := c.helm(ctx, "istio-base", "base", istioNamespace, ""); err != nil {
		return err
	}
	values, err := manifest("istiod.yaml", map[string]any{"Hub": istioHub(), "Tag": istioTag})
	if err != nil {
		return err
	}
	if err := c.helm(ctx, "istiod", "istio-control/istio-discovery", istioNamespace, values); err != nil {
		return err
	}
	return c.rolledOut(ctx, istioNamespace, "istiod")
}

// installGateway installs an ingress gateway, whose Pod istiod's injector completes, and waits for it.
func (c *Cluster) installGateway(ctx context.Context) error {
	values, err := manifest("gateway.yaml", map[string]any{"NodePort": gatewayNodePort})
	if err != nil {
		return err
	}
	if err := c.helm(ctx, gatewayName, "gateway", gatewayNamespace, values); err != nil {
		return err
	}
	return c.rolledOut(ctx, gatewayNamespace, gatewayName)
}

// gatewayURL leads to the ingress gateway by a port of a node.
func gatewayURL() string { return fmt.Sprintf("http://%s:%d", nodeNets[0].address, gatewayNodePort) }

// helm installs one of Istio's charts.
func (c *Cluster) helm(ctx context.Context, release, chart, namespace, values string) error {
	module, err := c.istioModule()
	if err != nil {
		return err
	}
	dir := filepath.Join(module, "manifests/charts", chart)
	_, err = c.tool(ctx, c.binaries.helm, values, "install", release, dir, "--namespace="+namespace, "--create-namespace", "--values=-")
	if err != nil {
		return fmt.Errorf("install Istio's chart %s: %w", chart, err)
	}
	return nil
}
