// SPDX-License-Identifier: Apache-2.0

// Command flux applies manifests as Flux does: with its engine for server-side apply and with what kustomize-controller asks
// of it.
//
//	flux [-force] -kubeconfig=… <manifests        apply them
//	flux push artifact oci://… --path=… --source=… --revision=… [--insecure-registry]
//
// The second is that command of Flux's own command line, which cannot be built from its module alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// controller is the field manager of kustomize-controller, and group that of its labels and annotations.
const (
	controller = "kustomize-controller"
	group      = "kustomize.toolkit.fluxcd.io"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "flux:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if len(args) > 1 && args[0] == "push" && args[1] == "artifact" {
		return pushArtifact(ctx, args[2:])
	}
	flags := flag.NewFlagSet("flux", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	force := flags.Bool("force", false, "spec.force of the Kustomization: delete and create what is immutable")
	if err := flags.Parse(args); err != nil {
		return err
	}
	manager, err := newManager(*kubeconfig)
	if err != nil {
		return err
	}
	return apply(ctx, manager, os.Stdin, *force)
}

func newManager(kubeconfig string) (*ssa.ResourceManager, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return ssa.NewResourceManager(c, nil, ssa.Owner{Field: controller, Group: group}), nil
}

// apply applies the manifests, and prints what became of each.
func apply(ctx context.Context, manager *ssa.ResourceManager, manifests io.Reader, force bool) error {
	objects, err := utils.ReadObjects(manifests)
	if err != nil {
		return fmt.Errorf("read the manifests: %w", err)
	}
	if err := normalize.UnstructuredList(objects); err != nil {
		return fmt.Errorf("normalize the manifests: %w", err)
	}
	return applyAll(ctx, manager, objects, options(force))
}

func applyAll(ctx context.Context, manager *ssa.ResourceManager, objects []*unstructured.Unstructured, o ssa.ApplyOptions) error {
	changes, err := manager.ApplyAllStaged(ctx, objects, o)
	if changes != nil {
		for _, change := range changes.Entries {
			fmt.Println(change.String())
		}
	}
	return err
}

// options are those of KustomizationReconciler.apply in kustomize-controller v1.9.
func options(force bool) ssa.ApplyOptions {
	o := ssa.DefaultApplyOptions()
	o.Force = force
	o.ExclusionSelector = map[string]string{group + "/reconcile": "disabled", group + "/ssa": "Ignore"}
	o.IfNotPresentSelector = map[string]string{group + "/ssa": "IfNotPresent"}
	o.ForceSelector = map[string]string{group + "/force": "enabled"}
	o.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: controller, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
		Exclusions: map[string]string{group + "/ssa": "Merge"},
	}
	return o
}
