// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"

	"github.com/autowasm/autowasm/e2e/build"
)

// Binaries are the paths of the programs of an environment.
type Binaries struct {
	ControlPlane, Etcd, Registry string
	APIServer                    string // ControlPlane, or the one of the floor, which is called in the same way
	Kubectl                      string // a link to ControlPlane under the name that makes it kubectl
	Wasmer, Wasmc                string // "" when the environment was started without wasmer
	Filter                       string // the example filter, a module; "" like Wasmer
}

// The directories of the product's packages in the checkout.
const (
	wasmerPackage = "cmd/wasmer"
	wasmcPackage  = "cmd/wasmc"
	filterPackage = "examples/add-header"
)

// Build builds what an environment of these options runs, or finds it in the cache, and puts kubectl, wasmer,
// wasmc and the example filter into bin/ of the checkout. Start does so itself; a first build takes minutes, and
// a caller with a deadline builds before.
func Build(ctx context.Context, o Options) (Binaries, error) {
	o, err := o.complete()
	if err != nil {
		return Binaries{}, err
	}
	b, err := buildParts(ctx, o.builder())
	if err != nil {
		return b, err
	}
	if b.APIServer, err = o.builder().Part(ctx, o.apiServer()); err != nil || o.WithoutWasmer {
		return b, err
	}
	return b, b.buildProduct(ctx, o.builder())
}

func buildParts(ctx context.Context, builder *build.Builder) (b Binaries, err error) {
	paths := map[string]*string{
		build.ControlPlane.Name: &b.ControlPlane, build.Etcd.Name: &b.Etcd, build.Registry.Name: &b.Registry,
	}
	for _, part := range build.Parts() {
		if *paths[part.Name], err = builder.Part(ctx, part); err != nil {
			return b, err
		}
	}
	b.Kubectl, err = builder.Link("kubectl", b.ControlPlane)
	return b, err
}

func (b *Binaries) buildProduct(ctx context.Context, builder *build.Builder) (err error) {
	if b.Wasmer, err = builder.Product(ctx, wasmerPackage); err != nil {
		return err
	}
	if b.Wasmc, err = builder.Product(ctx, wasmcPackage); err != nil {
		return err
	}
	b.Filter, err = builder.Filter(ctx, filterPackage)
	return err
}
