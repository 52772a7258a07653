// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

const queueNumber = 100

// rules send to the queue what begins a connection between two machines, one or both of which are Pods. What the node itself
// sends to its Pods, such as kubelet's probes, is not forwarded and always allowed. A packet from the midst of a connection
// that the kernel does not know belongs to one that endForbidden ended: its sender connects again, or tries to. Policies say
// nothing about ICMP, and nobody here uses SCTP.
var rules = fmt.Sprintf(`*filter
:NETWORK-POLICIES - [0:0]
-A NETWORK-POLICIES -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
-A NETWORK-POLICIES -p tcp ! --syn -j REJECT --reject-with tcp-reset
-A NETWORK-POLICIES -p tcp -j NFQUEUE --queue-num %[1]d
-A NETWORK-POLICIES -p udp -j NFQUEUE --queue-num %[1]d
-A FORWARD -j NETWORK-POLICIES
COMMIT
`, queueNumber)

func installRules(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "iptables-restore", "--noflush")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, out)
	}
	return nil
}

// A queue is the kernel's, of packets that begin connections.
type queue struct {
	*nfqueue.Nfqueue
	failed chan error // gets an error after which nothing more is received
}

// startQueue accepts or drops what comes to the queue, until ctx ends.
func startQueue(ctx context.Context, engine *networkpolicy.PolicyEngine) (*queue, error) {
	nf, err := nfqueue.Open(&nfqueue.Config{
		NfQueue: queueNumber, Flags: nfqueue.NfQaCfgFlagGSO, Copymode: nfqueue.NfQnlCopyPacket,
		MaxPacketLen: 128, // the headers
		MaxQueueLen:  1024, WriteTimeout: 100 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	q := &queue{nf, make(chan error, 1)}
	decide := func(a nfqueue.Attribute) int { q.decide(ctx, engine, a); return 0 }
	if err := q.RegisterWithErrorFunc(ctx, decide, q.fail); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

// fail returns 0 after errors that pass.
func (q *queue) fail(err error) int {
	if temporary, ok := errors.AsType[*netlink.OpError](err); ok && temporary.Temporary() {
		klog.ErrorS(err, "Failed to receive a packet")
		return 0
	}
	q.failed <- err
	return 1
}

func (q *queue) decide(ctx context.Context, engine *networkpolicy.PolicyEngine, a nfqueue.Attribute) {
	verdict := nfqueue.NfDrop
	if allowed(ctx, engine, a) {
		verdict = nfqueue.NfAccept
	}
	if err := q.SetVerdict(*a.PacketID, verdict); err != nil {
		klog.ErrorS(err, "Failed to decide on a packet")
	}
}

// allowed reports whether the policies allow the connection that a packet begins.
func allowed(ctx context.Context, engine *networkpolicy.PolicyEngine, a nfqueue.Attribute) bool {
	packet, err := network.ParsePacket(*a.Payload)
	if err != nil {
		klog.ErrorS(err, "Failed to read a packet")
		return false
	}
	ok, err := engine.EvaluatePacket(ctx, &packet)
	if err != nil {
		klog.ErrorS(err, "Failed to evaluate a packet", "packet", packet)
	}
	if !ok {
		klog.InfoS("Dropped a connection", "protocol", packet.Proto,
			"source", packet.SrcIP, "destination", packet.DstIP, "port", packet.DstPort)
	}
	return ok && err == nil
}
