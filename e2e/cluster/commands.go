//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/env"
)

// commandDir holds programs that a user calls as if the cluster's addresses were this machine's: they run in control's
// network.
func (c *Cluster) commandDir() string { return c.data("bin") }

// Enter is the name of the command that runs any other one, or else a shell, in the cluster's network.
const Enter = "cluster-enter"

const commandScript = `#!/bin/sh
# In the cluster's network, where its addresses are.
exec nsenter --net=%s -- %s "$@"
`

// writeCommands writes commandDir.
func (c *Cluster) writeCommands(context.Context) error {
	if err := os.MkdirAll(c.commandDir(), 0o755); err != nil {
		return fmt.Errorf("write the cluster's commands: %w", err)
	}
	programs := map[string]string{Enter: "", "kubectl": c.binaries.kubectl, "wasmc": c.binaries.wasmc}
	if !c.options.WithoutMesh {
		programs["helm"] = c.binaries.helm
	}
	for name, program := range programs {
		script := fmt.Sprintf(commandScript, c.control.NetworkPath(), program)
		if err := os.WriteFile(filepath.Join(c.commandDir(), name), []byte(script), 0o755); err != nil {
			return fmt.Errorf("write the command %s: %w", name, err)
		}
	}
	return nil
}

// Variables are what a shell needs to use the cluster. PATH is the directory to be put first in it, in which kubectl, helm
// and wasmc, and cluster-enter for any other program, reach the cluster's addresses.
func (c *Cluster) Variables() []env.Variable {
	variables := []env.Variable{
		{Name: "KUBECONFIG", Value: c.Kubeconfig},
		{Name: "KUBECACHEDIR", Value: c.data("kubectl-cache")},
		{Name: "REGISTRY", Value: c.Registry()},
		{Name: "APP_IMAGE", Value: c.images.app},
		{Name: "CUT_NODE", Value: "ip link set"}, // of the bridge, which commands see: its cables have the names of the nodes
	}
	if !c.options.WithoutMesh {
		variables = append(variables, []env.Variable{
			{Name: "GATEWAY_URL", Value: gatewayURL()},
			{Name: "AUTOWASM_VALUES", Value: c.ValuesFile()},
			{Name: "AUTOWASM_MANIFESTS", Value: c.OverlayDir()},
			{Name: "ISTIO_CHARTS", Value: c.istioCharts()},
			{Name: "ISTIO_VALUES", Value: c.istioValues()},
		}...)
	}
	return append(variables, env.Variable{Name: "PATH", Value: c.commandDir()})
}
