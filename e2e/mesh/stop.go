// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"context"
	"errors"
	"slices"
	"syscall"

	"github.com/autowasm/autowasm/e2e/env"
)

// Stop ends the mesh, removes its Pods and leaves its other objects. It may be called again, and before or after the
// environment's.
func (m *Mesh) Stop() error {
	all := m.take()
	errs := []error{removePods(all.pods)}
	for _, p := range slices.Backward(all.proxies) {
		errs = append(errs, p.leave())
	}
	for _, w := range all.workloads {
		errs = append(errs, w.App.close())
	}
	if m.Istiod != nil {
		errs = append(errs, m.Istiod.Stop())
	}
	if m.secrets != nil {
		errs = append(errs, m.secrets.close())
	}
	return errors.Join(errs...)
}

// removePods removes Pods from an API server that still runs.
func removePods(pods []*Pod) error {
	ctx, cancel := context.WithTimeout(context.Background(), env.Timeout)
	defer cancel()
	var errs []error
	for _, p := range pods {
		if err := p.remove(ctx); errors.Is(err, syscall.ECONNREFUSED) {
			break // the environment has ended, and they with it
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// kept is what Stop ends.
type kept struct {
	workloads []*Workload
	proxies   []*Proxy
	pods      []*Pod
}

// keepWorkload makes a workload one whose application Stop ends.
func (m *Mesh) keepWorkload(w *Workload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.workloads = append(m.kept.workloads, w)
}

// keepProxy makes a proxy one that Stop ends.
func (m *Mesh) keepProxy(p *Proxy) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.proxies = append(m.kept.proxies, p)
}

// keepPod makes a Pod one that Stop removes.
func (m *Mesh) keepPod(p *Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept.pods = append(m.kept.pods, p)
}

func (m *Mesh) take() kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.kept
	m.kept = kept{}
	return all
}
