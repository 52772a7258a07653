//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
)

// installDNS installs CoreDNS, which need not be ready before others are installed.
func (c *Cluster) installDNS(ctx context.Context) error {
	text, err := manifest("dns.yaml", map[string]any{
		"Image": c.images.coreDNS, "Address": dnsService, "Replicas": len(nodeNets),
	})
	if err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, text, "apply", "--server-side", "-f", "-"); err != nil {
		return fmt.Errorf("install CoreDNS: %w", err)
	}
	return nil
}

func (c *Cluster) waitForDNS(ctx context.Context) error {
	return c.rolledOut(ctx, "kube-system", "coredns")
}
