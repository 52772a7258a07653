//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/internal/envoy"
)

// binaries are the paths of what is built or downloaded for a cluster.
type binaries struct {
	controlPlane, etcd, registry, kube, coreDNS string // parts
	networkPolicies                             string // a part
	istiod, pilotAgent, istioCNI, helm, envoy   string // parts of a mesh
	istioModule                                 string // the directory of Istio's module, with its charts, as istiod is built from it
	gatewayModule                               string // that of the Gateway API's, with its CRDs, in the version that istiod was built with
	kubectl                                     string // a link to controlPlane
	wasmer, wasmc, filter                       string // the product
	pause, app                                  string // programs of images
}

// Build builds and downloads what a cluster of these options runs, so that Start is fast.
func Build(ctx context.Context, o Options) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	_, err = buildAll(ctx, o)
	return err
}

func buildAll(ctx context.Context, o Options) (b binaries, err error) {
	builder := o.builder()
	parts := []struct {
		part build.Part
		path *string
	}{
		{build.ControlPlane, &b.controlPlane}, {build.Kube, &b.kube}, {build.Etcd, &b.etcd},
		{build.Registry, &b.registry}, {build.CoreDNS, &b.coreDNS}, {build.NetworkPolicies, &b.networkPolicies},
	}
	if !o.WithoutMesh {
		parts = append(parts, []struct {
			part build.Part
			path *string
		}{{build.Istiod, &b.istiod}, {build.PilotAgent, &b.pilotAgent}, {build.IstioCNI, &b.istioCNI}, {build.Helm, &b.helm}}...)
	}
	for _, p := range parts {
		if *p.path, err = builder.Part(ctx, p.part); err != nil {
			return b, err
		}
	}
	if b.kubectl, err = builder.Link("kubectl", b.controlPlane); err != nil {
		return b, err
	}
	if !o.WithoutMesh {
		if err := b.find(ctx, builder); err != nil {
			return b, err
		}
	}
	return b, b.buildOwn(ctx, builder)
}

// find finds what a mesh takes that is not built here.
func (b *binaries) find(ctx context.Context, builder *build.Builder) (err error) {
	if b.envoy, err = envoy.Find(ctx, builder.Downloads(), envoy.Newest); err != nil {
		return err
	}
	istiod := filepath.Join(builder.Checkout, "e2e", build.Istiod.Name)
	if b.istioModule, err = build.ModuleDir(ctx, istiod, "istio.io/istio"); err != nil {
		return fmt.Errorf("find Istio's module: %w", err)
	}
	if b.gatewayModule, err = build.ModuleDir(ctx, istiod, "sigs.k8s.io/gateway-api"); err != nil {
		return fmt.Errorf("find the Gateway API's module: %w", err)
	}
	return nil
}

// buildOwn builds what changes with the checkout.
func (b *binaries) buildOwn(ctx context.Context, builder *build.Builder) (err error) {
	for _, p := range []struct {
		dir  string
		path *string
	}{{"cmd/wasmer", &b.wasmer}, {"cmd/wasmc", &b.wasmc}} {
		if *p.path, err = builder.Product(ctx, p.dir); err != nil {
			return err
		}
	}
	for _, p := range []struct {
		dir  string
		path *string
	}{{"cluster/pause", &b.pause}, {"cluster/app", &b.app}} {
		if *p.path, err = builder.TestProgram(ctx, p.dir); err != nil {
			return err
		}
	}
	b.filter, err = builder.Filter(ctx, "examples/add-header")
	return err
}
