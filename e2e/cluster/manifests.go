//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os/exec"
	"strings"
	"text/template"

	"github.com/autowasm/autowasm/e2e/process"
)

//go:embed manifests
var manifestFiles embed.FS

var manifests = template.Must(template.ParseFS(manifestFiles, "manifests/*"))

// manifest is one of manifests/ with values.
func manifest(name string, values any) (string, error) {
	var text bytes.Buffer
	if err := manifests.ExecuteTemplate(&text, name, values); err != nil {
		return "", fmt.Errorf("write the manifest %s: %w", name, err)
	}
	return text.String(), nil
}

// kubectl runs kubectl as the administrator, with a standard input, and returns what it printed.
func (c *Cluster) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	return c.tool(ctx, c.binaries.kubectl, stdin, args...)
}

// tool runs a client of the cluster in control's network.
func (c *Cluster) tool(ctx context.Context, program, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cmd.Environ(), c.toolVariables()...)
	cmd.Stdin = strings.NewReader(stdin)
	return c.control.Run(ctx, cmd)
}

// toolVariables keep what kubectl and Helm remember, and what they look up, to this cluster.
func (c *Cluster) toolVariables() []string {
	return []string{
		"KUBECONFIG=" + c.Kubeconfig, "KUBECACHEDIR=" + c.data("kubectl-cache"), "KUBERC=off",
		"HELM_CACHE_HOME=" + c.data("helm"), "HELM_CONFIG_HOME=" + c.data("helm"), "HELM_DATA_HOME=" + c.data("helm"),
	}
}

// rolledOut waits until a Deployment has all of its Pods.
func (c *Cluster) rolledOut(ctx context.Context, namespace, name string) error {
	_, err := c.kubectl(ctx, "", "rollout", "status", "-n", namespace, "deployment/"+name, "--timeout="+process.Timeout.String())
	if err != nil {
		return fmt.Errorf("wait for %s: %w\n%s", name, err, c.describePods(ctx, namespace))
	}
	c.logf("%s is ready", name)
	return nil
}

// describePods is what there is to say of Pods that do not become ready.
func (c *Cluster) describePods(ctx context.Context, namespace string) string {
	pods, err := c.kubectl(ctx, "", "get", "pods", "-n", namespace, "-o", "wide")
	if err != nil {
		return err.Error()
	}
	events, err := c.kubectl(ctx, "", "get", "events", "-n", namespace, "--field-selector=type=Warning")
	if err != nil {
		return err.Error()
	}
	return pods + events
}
