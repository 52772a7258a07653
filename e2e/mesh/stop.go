package mesh

import (
	"errors"
	"slices"
)

// Stop ends the mesh and leaves its objects. It may be called again, and before or after the environment's.
func (m *Mesh) Stop() error {
	var errs []error
	proxies, workloads := m.take()
	for _, p := range slices.Backward(proxies) {
		errs = append(errs, p.Stop())
	}
	for _, w := range workloads {
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

// keepWorkload makes a workload one whose application Stop ends.
func (m *Mesh) keepWorkload(w *Workload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.workloads = append(m.workloads, w)
}

// keepProxy makes a proxy one that Stop ends.
func (m *Mesh) keepProxy(p *Proxy) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.proxies = append(m.proxies, p)
}

func (m *Mesh) take() ([]*Proxy, []*Workload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	proxies, workloads := m.proxies, m.workloads
	m.proxies, m.workloads = nil, nil
	return proxies, workloads
}
