// SPDX-License-Identifier: Apache-2.0

// Command networkpolicies enforces NetworkPolicies on a node of a cluster, as a network plugin does: with the policy engine
// of kube-network-policies, built from its Go module at the version in go.mod. Connections that are new go to it by a queue
// of the kernel's, and it accepts or drops them.
//
// It differs from kube-network-policies' own command in the rules that fill the queue. Those are nftables' own there, which
// not every kernel has been built with (CONFIG_NFT_QUEUE); the target of iptables is older.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path of a kubeconfig")
	node := flag.String("node", "", "name of the node that this runs on")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, *kubeconfig, *node); err != nil {
		fmt.Fprintln(os.Stderr, "networkpolicies:", err)
		os.Exit(1)
	}
}

// run enforces policies until ctx ends.
func run(ctx context.Context, kubeconfig, node string) error {
	changed := make(chan struct{}, 1)
	engine, err := startEngine(ctx, kubeconfig, node, func() {
		select {
		case changed <- struct{}{}:
		default: // what is waited for already comes after this change, too
		}
	})
	if err != nil {
		return fmt.Errorf("start the policy engine: %w", err)
	}
	q, err := startQueue(ctx, engine)
	if err != nil {
		return fmt.Errorf("start the queue of connections: %w", err)
	}
	defer q.Close()
	if err := installRules(ctx); err != nil {
		return fmt.Errorf("send connections to the queue: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-q.failed:
			return fmt.Errorf("receive packets from the queue: %w", err)
		case <-changed:
			time.Sleep(settle)
			endForbidden(ctx, engine)
		}
	}
}

// startEngine starts an engine and waits until it has all Pods and policies. It calls changed after each change of the
// policies for Pods of the node.
func startEngine(ctx context.Context, kubeconfig, node string, changed func()) (*networkpolicy.PolicyEngine, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	resolver, err := podinfo.NewInformerResolver(pods.Informer())
	if err != nil {
		return nil, err
	}
	engine := networkpolicy.NewPolicyEngine(
		podinfo.NewInformerProvider(pods, namespaces, nil, []podinfo.IPResolver{resolver}),
		[]api.PolicyEvaluator{
			networkpolicy.NewStandardNetworkPolicy(node, namespaces, pods, factory.Networking().V1().NetworkPolicies()),
		})
	engine.SetDataplaneSyncCallbacks(changed)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return engine, ctx.Err()
}
