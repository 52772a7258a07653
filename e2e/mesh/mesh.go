package mesh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/autowasm/autowasm/e2e/ads"
	"github.com/autowasm/autowasm/e2e/env"
)

// A Mesh is a running mesh. Its exported fields are set by Start and do not change.
type Mesh struct {
	Istiod  *Istiod
	Details *Workload

	env     *env.Environment
	options Options

	mu        sync.Mutex
	workloads []*Workload
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

func (m *Mesh) start(ctx context.Context) (err error) {
	if m.Istiod, err = startIstiod(ctx, m.env); err != nil {
		return err
	}
	if err := announceWasmer(ctx, m.env); err != nil {
		return err
	}
	m.Details, err = m.StartWorkload(ctx, "details")
	return err
}

// StartWorkload starts an application beside the details workload and makes it known to Istio under a name, which is
// the value of its label app. It has no sidecar yet. It runs until the mesh's Stop.
func (m *Mesh) StartWorkload(ctx context.Context, name string) (*Workload, error) {
	w, err := startWorkload(ctx, m.env, name)
	if err != nil {
		return nil, fmt.Errorf("start the workload %s: %w", name, err)
	}
	m.keep(w)
	if err := m.waitForWorkload(ctx, w); err != nil {
		return nil, fmt.Errorf("wait until istiod knows the workload %s: %w", name, err)
	}
	return w, nil
}

// waitForWorkload waits until istiod would push the workload's ports to its sidecar.
func (m *Mesh) waitForWorkload(ctx context.Context, w *Workload) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return env.Poll(ctx, func(ctx context.Context) error {
		pushed, err := ads.Fetch(ctx, m.Istiod.Address, w.Node())
		if err != nil {
			return err
		}
		if pushed.Listener(w.InboundListener(InboundPort)) == nil || pushed.Cluster(WasmerCluster) == nil {
			return fmt.Errorf("it has the listeners %v", pushed.ListenerNames())
		}
		return nil
	})
}

// keep makes a workload one whose application Stop ends.
func (m *Mesh) keep(w *Workload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.workloads = append(m.workloads, w)
}

// Stop ends the mesh and leaves its objects. The environment may be stopped before or after.
func (m *Mesh) Stop() error {
	var errs []error
	for _, w := range m.take() {
		errs = append(errs, w.App.close())
	}
	if m.Istiod != nil {
		errs = append(errs, m.Istiod.Stop())
	}
	return errors.Join(errs...)
}

func (m *Mesh) take() []*Workload {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.workloads
	m.workloads = nil
	return all
}
