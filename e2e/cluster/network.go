//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
)

// The cluster's addresses. They mean something in its own machines alone, so that any number of clusters have the same.
const (
	controlAddress = "10.89.0.1"
	apiPort        = 6443
	imagesPort     = 5000 // of the registry of the cluster's own images
	registryPort   = 5001 // of the registry for users and tests

	podCIDR     = "10.244.0.0/16"
	serviceCIDR = "10.96.0.0/16"
	apiService  = "10.96.0.1" // the first of them, which is that of the Service kubernetes
	dnsService  = "10.96.0.10"
)

// A nodeNet is a node's place in the network.
type nodeNet struct{ name, address, pods string }

// nodeNets are the nodes.
var nodeNets = []nodeNet{
	{"node1", "10.89.0.11", "10.244.1.0/24"},
	{"node2", "10.89.0.12", "10.244.2.0/24"},
}

// link connects the machines: control has a bridge with a veth pair to each node, and all machines have routes to all Pods.
// There is no route to anywhere else: control answers what is sent there with "unreachable".
func (c *Cluster) link(ctx context.Context) error {
	lines := []string{
		"link set lo up", "link add br0 type bridge", "address add " + controlAddress + "/24 dev br0", "link set br0 up",
		"route add unreachable default",
	}
	for i, n := range nodeNets {
		lines = append(lines,
			fmt.Sprintf("link add %s type veth peer name eth0 netns %d", n.name, c.nodes[i].PID()),
			"link set "+n.name+" master br0 up",
			"route add "+n.pods+" via "+n.address)
	}
	if err := c.control.Configure(ctx, lines...); err != nil {
		return err
	}
	for i, n := range nodeNets {
		if err := c.nodes[i].Configure(ctx, n.lines()...); err != nil {
			return err
		}
	}
	return nil
}

// lines set up a node's own end. A node needs a default route: kube-proxy translates a Service's address only after a route
// for it was found.
func (n nodeNet) lines() []string {
	lines := []string{
		"link set lo up", "address add " + n.address + "/24 dev eth0", "link set eth0 up",
		"route add default via " + controlAddress,
	}
	for _, other := range nodeNets {
		if other.name != n.name {
			lines = append(lines, "route add "+other.pods+" via "+other.address)
		}
	}
	return lines
}
