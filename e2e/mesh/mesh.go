// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/env"
)

// A Mesh is a running mesh. Its exported fields are set by Start and do not change.
type Mesh struct {
	Istiod  *Istiod
	Details *Workload
	Sidecar *Proxy // of details; nil in a mesh without proxies
	Gateway *Gateway

	EnvoyInboundURL string // where the sidecar of details listens for requests to InboundPort
	EnvoyAdminURL   string // its admin page; "" in a mesh without proxies
	GatewayURL      string // where the gateway listens; it leads to details
	GatewayAdminURL string // its admin page; "" in a mesh without proxies

	env     *env.Environment
	options Options
	secrets *secrets

	mu   sync.Mutex
	kept kept
}

// Start starts a mesh on a running environment with wasmer. ctx bounds the start only: the mesh runs until Stop. Its
// programs are parts of the environment: when one dies, the environment's Err says so. When one does not come up,
// all are stopped again.
func Start(ctx context.Context, e *env.Environment, o Options) (*Mesh, error) {
	m := &Mesh{env: e, options: o}
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the mesh: %w", err), m.Stop())
	}
	return m, nil
}

func (m *Mesh) start(ctx context.Context) error {
	steps := []func(context.Context) error{m.startControl, m.announce}
	if !m.options.WithoutProxies {
		steps = append(steps, m.startProxies)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startControl starts what proxies ask.
func (m *Mesh) startControl(ctx context.Context) (err error) {
	if m.secrets, err = startSecrets(); err != nil {
		return err
	}
	m.Istiod, err = startIstiod(ctx, m.env)
	return err
}

// announce makes the objects of the mesh.
func (m *Mesh) announce(ctx context.Context) (err error) {
	if err := m.announceWasmer(ctx); err != nil {
		return err
	}
	if m.Details, err = m.StartWorkload(ctx, "details"); err != nil {
		return err
	}
	if err := m.announceGateway(ctx, m.Details); err != nil {
		return err
	}
	m.EnvoyInboundURL, m.GatewayURL = m.Details.URL(InboundPort), "http://"+at(m.Gateway.Address, GatewayPort)
	return nil
}

func (m *Mesh) startProxies(ctx context.Context) (err error) {
	if m.Sidecar, err = m.StartSidecar(ctx, m.Details, ProxyOptions{}); err != nil {
		return err
	}
	if err := m.startGateway(ctx); err != nil {
		return err
	}
	m.EnvoyAdminURL, m.GatewayAdminURL = m.Sidecar.AdminURL, m.Gateway.AdminURL
	return nil
}

// waitForListener waits until istiod would push a listener, and the cluster of wasmer, to a proxy.
func (m *Mesh) waitForListener(ctx context.Context, n ads.Node, listener string) error {
	err := env.Poll(ctx, func(ctx context.Context) error {
		pushed, err := ads.Fetch(ctx, m.Istiod.Address, n)
		if err != nil {
			return err
		}
		if pushed.Listener(listener) == nil || pushed.Cluster(WasmerCluster) == nil {
			return fmt.Errorf("it pushes the listeners %v", pushed.ListenerNames())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("wait until istiod pushes listener %s to %s: %w", listener, n.ID, err)
	}
	return nil
}
