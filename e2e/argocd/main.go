// SPDX-License-Identifier: Apache-2.0

// Command argocd compares, syncs and assesses the health of manifests as Argo CD does: with the engine of its application
// controller, and with what that asks of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "argocd:", err)
		os.Exit(1)
	}
}

// options are those of an Application, and of the controller.
type options struct {
	kubeconfig string
	namespace  string // of the destination
	sync       bool   // sync, and not only compare
	prune      bool   // syncPolicy.automated.prune
	serverSide bool   // syncOptions ServerSideApply=true and compare-options ServerSideDiff=true
	config     string // the file of the ConfigMap argocd-cm
	timeout    time.Duration
}

func run(args []string) error {
	var o options
	flags := flag.NewFlagSet("argocd", flag.ContinueOnError)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "how to reach the API server")
	flags.StringVar(&o.namespace, "namespace", "default", "the namespace of the destination")
	flags.BoolVar(&o.sync, "sync", false, "sync, and not only compare")
	flags.BoolVar(&o.prune, "prune", false, "delete what the manifests do not have any more")
	flags.BoolVar(&o.serverSide, "server-side", false, "ServerSideApply=true and ServerSideDiff=true")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "how long an operation is waited for")
	flags.StringVar(&o.config, "config", "", "the file of the ConfigMap argocd-cm")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	manifests, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read the manifests: %w", err)
	}
	targets, err := kube.SplitYAML(manifests)
	if err != nil {
		return fmt.Errorf("read the manifests: %w", err)
	}
	return reconcile(ctx, targets, o)
}

func reconcile(ctx context.Context, targets []*unstructured.Unstructured, o options) error {
	a, err := newApplication(targets, o)
	if err != nil {
		return err
	}
	if o.sync {
		if err := a.sync(ctx, os.Stdout); err != nil {
			return err
		}
	}
	return a.print(os.Stdout)
}
