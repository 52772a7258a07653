// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// settle is how long a change of Pods or policies may be followed by others before connections are compared with them.
const settle = 200 * time.Millisecond

// endForbidden ends the connections that policies have come to forbid: it has the kernel forget them, and the rules drop
// what it does not know.
func endForbidden(ctx context.Context, engine *networkpolicy.PolicyEngine) {
	own, err := net.InterfaceAddrs()
	if err != nil {
		klog.ErrorS(err, "Failed to find the node's addresses")
		return
	}
	n, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, forbiddenFlows{ctx, engine, own})
	if err != nil {
		klog.ErrorS(err, "Failed to end connections")
	}
	if n > 0 {
		klog.InfoS("Ended connections", "count", n)
	}
}

// forbiddenFlows selects connections that no policy allows now.
type forbiddenFlows struct {
	ctx    context.Context
	engine *networkpolicy.PolicyEngine
	own    []net.Addr // of this node, whose connections no policy concerns
}

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (f forbiddenFlows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	protocol, ok := protocols[flow.Forward.Protocol]
	if !ok || f.isOwn(flow.Forward.SrcIP) || f.isOwn(flow.Reverse.SrcIP) {
		return false
	}
	// Answers come from where a Service's address led to.
	allowed, err := f.engine.EvaluatePacket(f.ctx, &network.Packet{
		Family: corev1.IPv4Protocol, Proto: protocol,
		SrcIP: flow.Forward.SrcIP, SrcPort: int(flow.Forward.SrcPort),
		DstIP: flow.Reverse.SrcIP, DstPort: int(flow.Reverse.SrcPort),
	})
	return err == nil && !allowed
}

var protocols = map[uint8]corev1.Protocol{
	unix.IPPROTO_TCP: corev1.ProtocolTCP, unix.IPPROTO_UDP: corev1.ProtocolUDP,
}

func (f forbiddenFlows) isOwn(ip net.IP) bool {
	return slices.ContainsFunc(f.own, func(a net.Addr) bool {
		own, ok := a.(*net.IPNet)
		return ok && own.IP.Equal(ip)
	})
}

var _ netlink.CustomConntrackFilter = forbiddenFlows{}
