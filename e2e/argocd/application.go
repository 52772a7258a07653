// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// manager is the field manager of the application controller.
	manager = "argocd-controller"
	// tracking is the annotation by which Argo CD knows what is an Application's.
	tracking = "argocd.argoproj.io/tracking-id"
	// name is the Application's.
	name = "shop"
)

// application is an Application of Argo CD.
type application struct {
	options options
	config  *rest.Config
	kubectl *kube.KubectlCmd
	cluster cache.ClusterCache
	targets []*unstructured.Unstructured
	health  health.HealthOverride
}

func newApplication(targets []*unstructured.Unstructured, o options) (*application, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", o.kubeconfig, err)
	}
	a := &application{options: o, config: config, targets: targets, kubectl: &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}}
	if a.health, err = readHealth(o.config); err != nil {
		return nil, err
	}
	for _, target := range targets {
		a.track(target)
	}
	a.cluster = cache.NewClusterCache(config, cache.SetNamespaces([]string{o.namespace}), cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(*unstructured.Unstructured, bool) (any, bool) { return nil, true }))
	if err := a.cluster.EnsureSynced(); err != nil {
		return nil, fmt.Errorf("read namespace %s: %w", o.namespace, err)
	}
	return a, nil
}

// track marks a target as the Application's.
func (a *application) track(target *unstructured.Unstructured) {
	if target.GetNamespace() == "" {
		target.SetNamespace(a.options.namespace)
	}
	annotations := target.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[tracking] = trackingID(target)
	target.SetAnnotations(annotations)
}

func trackingID(u *unstructured.Unstructured) string {
	return fmt.Sprintf("%s:%s/%s:%s/%s", name, u.GroupVersionKind().Group, u.GetKind(), u.GetNamespace(), u.GetName())
}

// compared pairs the targets with what is live, as the controller does before each comparison and sync.
func (a *application) compared() (sync.ReconciliationResult, error) {
	live, err := a.cluster.GetManagedLiveObjs(a.targets, func(r *cache.Resource) bool {
		return r.Resource != nil && len(r.OwnerRefs) == 0 && r.Resource.GetAnnotations()[tracking] == trackingID(r.Resource)
	})
	if err != nil {
		return sync.ReconciliationResult{}, fmt.Errorf("find what is live: %w", err)
	}
	return sync.Reconcile(a.targets, live, a.options.namespace, a.cluster), nil
}

// differ returns the options of a comparison.
func (a *application) differ() ([]diff.Option, func(), error) {
	options := []diff.Option{diff.WithLogr(logr.Discard()), diff.WithServerSideDiff(a.options.serverSide), diff.WithManager(manager), diff.WithGVKParser(a.cluster.GetGVKParser())}
	if !a.options.serverSide {
		return options, func() {}, nil
	}
	applier, cleanup, err := kube.ManageServerSideDiffDryRuns(a.config, a.cluster.GetOpenAPISchema(), tracing.NopTracer{}, logr.Discard(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare dry runs: %w", err)
	}
	return append(options, diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier))), cleanup, nil
}

// print writes what argocd app get says of each object: its sync status, its health, and why.
func (a *application) print(out io.Writer) error {
	pairs, err := a.compared()
	if err != nil {
		return err
	}
	options, cleanup, err := a.differ()
	if err != nil {
		return err
	}
	defer cleanup()
	for i, target := range pairs.Target {
		if err := a.printOne(out, target, pairs.Live[i], options); err != nil {
			return err
		}
	}
	return nil
}

func (a *application) printOne(out io.Writer, target, live *unstructured.Unstructured, options []diff.Option) error {
	of, status := target, "Synced"
	if of == nil {
		of = live
	}
	result, err := diff.Diff(target, live, options...)
	switch {
	case err != nil:
		return fmt.Errorf("compare %s %s: %w", of.GetKind(), of.GetName(), err)
	case target == nil || live == nil || result.Modified:
		status = "OutOfSync"
	}
	h := &health.HealthStatus{Status: health.HealthStatusMissing}
	if live != nil {
		if h, err = health.GetResourceHealth(live, a.health); err != nil {
			return err
		}
	}
	if h == nil {
		h = &health.HealthStatus{}
	}
	_, err = fmt.Fprintf(out, "%s %s %s %s %s\n", of.GetKind(), of.GetName(), status, h.Status, h.Message)
	return err
}
