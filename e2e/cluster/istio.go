//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

const (
	istioNamespace   = "istio-system"
	gatewayNamespace = "istio-ingress"
	gatewayName      = "istio-ingressgateway"
	gatewayNodePort  = 30080
)

// installIstio installs the CRDs of Istio and of the Gateway API, and istiod, with its injector, and waits for it.
func (c *Cluster) installIstio(ctx context.Context) error {
	err := together(ctx, c.installGatewayAPI, func(ctx context.Context) error {
		return c.helm(ctx, "istio-base", "base", istioNamespace, "")
	})
	if err != nil {
		return err
	}
	values, err := manifest("istiod.yaml", map[string]any{"Hub": istioHub(), "Tag": istioTag, "CNIDir": nodeCNIDir})
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.istioValues(), []byte(values), 0o644); err != nil {
		return fmt.Errorf("write the values of Istio's charts: %w", err)
	}
	if err := c.helm(ctx, "istiod", "istio-control/istio-discovery", istioNamespace, values); err != nil {
		return err
	}
	return c.rolledOut(ctx, istioNamespace, "istiod")
}

// installGatewayAPI installs the CRDs of the Gateway API, for whose Gateways istiod deploys proxies.
func (c *Cluster) installGatewayAPI(ctx context.Context) error {
	dir := filepath.Join(c.binaries.gatewayModule, "config/crd/standard")
	if _, err := c.kubectl(ctx, "", "apply", "--server-side", "-f", dir); err != nil {
		return fmt.Errorf("install the Gateway API: %w", err)
	}
	return nil
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

// istioCharts is the directory of Istio's charts, and istioValues a file of values for those of istiod and of its CNI plugin.
func (c *Cluster) istioCharts() string {
	return filepath.Join(c.binaries.istioModule, "manifests/charts")
}
func (c *Cluster) istioValues() string { return c.data("istio.yaml") }

// helm installs one of Istio's charts.
func (c *Cluster) helm(ctx context.Context, release, chart, namespace, values string) error {
	dir := filepath.Join(c.istioCharts(), chart)
	_, err := c.tool(ctx, c.binaries.helm, values, "install", release, dir, "--namespace="+namespace, "--create-namespace", "--values=-")
	if err != nil {
		return fmt.Errorf("install Istio's chart %s: %w", chart, err)
	}
	return nil
}
