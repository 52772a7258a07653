// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/istio"
	"github.com/autowasm/autowasm/preflight"
	"github.com/autowasm/autowasm/web"
)

// addWeb adds the page to mgr, unless it is off.
func addWeb(ctx context.Context, mgr ctrl.Manager, o *options, kinds *preflight.Kinds) error {
	if o.webAddress == "" {
		return nil
	}
	// From here on the cache has what the page reads, on a replica that does not lead too: no request fills it. Pods come
	// to it with kinds.
	for _, object := range []client.Object{&v1alpha1.AutoWasm{}, istio.NewEnvoyFilter()} {
		if _, err := mgr.GetCache().GetInformer(ctx, object); err != nil {
			return fmt.Errorf("have the cache hold what the page shows: %w", err)
		}
	}
	replica, err := replicaName()
	if err != nil {
		return err
	}
	server := web.New(web.Options{
		Address: o.webAddress, Reader: mgr.GetCache(), RootNamespace: o.rootNamespace, Replica: replica, Version: version,
		HasPods: func() bool { return kinds.Has(preflight.Pods) },
	})
	if err := mgr.Add(server); err != nil {
		return fmt.Errorf("add the page: %w", err)
	}
	return nil
}
