// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// pages are what kubelet and Prometheus read. They are there before the manager is, which needs kinds that the cluster may
// lack, and until it has ended.
type pages struct {
	health  *health
	servers []manager.Runnable
}

// newPages listens for kubelet: a port that is taken ends wasmer at once.
func newPages(config *rest.Config, o *options) (*pages, error) {
	p := &pages{health: newHealth()}
	if o.healthAddress != "0" && o.healthAddress != "" {
		listener, err := net.Listen("tcp", o.healthAddress)
		if err != nil {
			return nil, fmt.Errorf("--health-address=%s: %w", o.healthAddress, err)
		}
		server := &http.Server{Handler: p.health, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, IdleTimeout: time.Minute}
		p.servers = append(p.servers, &manager.Server{Name: "health", Server: server, Listener: listener})
	}
	metrics, err := metricsserver.NewServer(metricsserver.Options{BindAddress: o.metricsAddress}, config, http.DefaultClient)
	if err != nil {
		return nil, fmt.Errorf("--metrics-address=%s: %w", o.metricsAddress, err)
	}
	if metrics != nil {
		p.servers = append(p.servers, metrics)
	}
	return p, nil
}

// serveDuring serves the pages until run returns. When one cannot be served, run's context ends.
func (p *pages) serveDuring(ctx context.Context, run func(context.Context) error) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	group, ctx := errgroup.WithContext(ctx)
	for _, server := range p.servers {
		group.Go(func() error { return server.Start(serving) })
	}
	group.Go(func() error {
		defer stop()
		return run(ctx)
	})
	return group.Wait()
}
