// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"path/filepath"

	"k8s.io/client-go/discovery"

	"github.com/autowasm/autowasm/e2e/build"
)

// istioCRDs is the file of Istio's CRDs in its API's Go module.
const istioCRDs = "kubernetes/customresourcedefinitions.gen.yaml"

// applyCRDs applies Istio's CRDs, unless there is to be no Istio, and ours, and waits until their kinds can be used.
func (e *Environment) applyCRDs(ctx context.Context) error {
	kinds := []string{"wasm.tcm.io/v1alpha1"}
	if !e.options.WithoutIstio {
		kinds = append(kinds, "networking.istio.io/v1alpha3")
		if err := e.applyIstio(ctx); err != nil {
			return err
		}
	}
	if err := e.ApplyManifests(ctx, "crd"); err != nil {
		return err
	}
	if err := e.WaitForCRDs(ctx); err != nil {
		return err
	}
	return e.waitForKinds(ctx, kinds...)
}

// WaitForCRDs waits until all CRDs are established. kubectl wait does not wait for one that has no conditions yet, but fails.
func (e *Environment) WaitForCRDs(ctx context.Context) error {
	err := Poll(ctx, func(ctx context.Context) error {
		_, err := e.Kubectl(ctx, "wait", "crd", "--all", "--for=condition=Established", "--timeout="+Timeout.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("wait for the CRDs: %w", err)
	}
	return nil
}

func (e *Environment) applyIstio(ctx context.Context) error {
	istio, err := e.IstioCRDs(ctx)
	if err != nil {
		return err
	}
	if err := e.apply(ctx, "-f", istio); err != nil {
		return fmt.Errorf("apply Istio's CRDs: %w", err)
	}
	return nil
}

// IstioCRDs finds the file of Istio's CRDs in the module cache, at the version that e2e/go.mod requires, and brings it there
// when it is not.
func (e *Environment) IstioCRDs(ctx context.Context) (string, error) {
	dir, err := e.ModuleDir(ctx, "istio.io/api")
	if err != nil {
		return "", fmt.Errorf("find Istio's CRDs: %w", err)
	}
	return filepath.Join(dir, filepath.FromSlash(istioCRDs)), nil
}

// ModuleDir returns the directory of a Go module in the module cache, at the version that e2e/go.mod requires, and
// brings it there when it is not.
func (e *Environment) ModuleDir(ctx context.Context, path string) (string, error) {
	return build.ModuleDir(ctx, filepath.Join(e.options.Checkout, "e2e"), path)
}

// ApplyCRDs applies the CRDs in a file or directory, and waits until the kinds of each group and version can be used.
func (e *Environment) ApplyCRDs(ctx context.Context, path string, groupVersions ...string) error {
	if err := e.apply(ctx, "-f", path); err != nil {
		return fmt.Errorf("apply the CRDs in %s: %w", path, err)
	}
	return e.waitForKinds(ctx, groupVersions...)
}

// waitForKinds waits until discovery lists the resources of each group and version.
func (e *Environment) waitForKinds(ctx context.Context, groupVersions ...string) error {
	client, err := discovery.NewDiscoveryClientForConfig(e.RESTConfig)
	if err != nil {
		return fmt.Errorf("make a discovery client: %w", err)
	}
	for _, gv := range groupVersions {
		if err := Poll(ctx, func(context.Context) error { return discovered(client, gv) }); err != nil {
			return fmt.Errorf("wait for the kinds of %s: %w", gv, err)
		}
	}
	return nil
}

func discovered(client discovery.DiscoveryInterface, groupVersion string) error {
	list, err := client.ServerResourcesForGroupVersion(groupVersion)
	if err == nil && len(list.APIResources) == 0 {
		return fmt.Errorf("no resources yet")
	}
	return err
}

// applyRBAC makes wasmer's namespace and gives its service account its permissions.
func (e *Environment) applyRBAC(ctx context.Context) error {
	if _, err := e.Kubectl(ctx, "create", "namespace", wasmerNamespace); err != nil {
		return fmt.Errorf("create wasmer's namespace: %w", err)
	}
	return e.ApplyManifests(ctx, "rbac")
}

// ApplyManifests applies a part of the checkout's manifests/: "crd", "rbac", "webhook".
func (e *Environment) ApplyManifests(ctx context.Context, part string) error {
	if err := e.apply(ctx, "-k", e.manifests(part)); err != nil {
		return fmt.Errorf("apply manifests/%s: %w", part, err)
	}
	return nil
}

// DeleteManifests deletes what ApplyManifests applied.
func (e *Environment) DeleteManifests(ctx context.Context, part string) error {
	if _, err := e.Kubectl(ctx, "delete", "--ignore-not-found", "-k", e.manifests(part)); err != nil {
		return fmt.Errorf("delete manifests/%s: %w", part, err)
	}
	return nil
}

func (e *Environment) manifests(part string) string {
	return filepath.Join(e.options.Checkout, "manifests", part)
}

// apply is server-side: a client-side one would copy each CRD, too large for it, into an annotation.
func (e *Environment) apply(ctx context.Context, args ...string) error {
	_, err := e.Kubectl(ctx, append([]string{"apply", "--server-side", "--validate=strict"}, args...)...)
	return err
}
