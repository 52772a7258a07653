// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/autowasm/autowasm/internal/status"
)

// How many proxies a response has at most, that of one AutoWasm and that of all.
const (
	maxProxiesOfOne = 1000
	maxProxies      = 20_000
)

// serveAutoWasm answers with the whole report of one AutoWasm, as wasmc status -o json prints it, but for proxies beyond the
// first 1,000, which are counted as "omitted".
func (s *Server) serveAutoWasm(w http.ResponseWriter, r *http.Request) {
	key := types.NamespacedName{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	s.model.mu.Lock()
	err := s.model.refresh(r.Context())
	e := s.model.entries[key]
	s.model.mu.Unlock()
	switch {
	case err != nil:
		answer(w, r, nil, err)
	case e == nil:
		http.Error(w, fmt.Sprintf("there is no AutoWasm %s", key), http.StatusNotFound)
	default:
		report := e.report
		omitted := max(0, len(report.Proxies.All)-maxProxiesOfOne)
		report.Proxies.All = report.Proxies.All[:len(report.Proxies.All)-omitted]
		answerJSON(w, struct {
			status.Report
			Level   status.Level `json:"level"`
			Omitted int          `json:"omitted,omitempty"`
		}{report, report.Level(), omitted})
	}
}

// filterOf is one filter of a proxy.
type filterOf struct {
	Namespace   string         `json:"namespace"`
	Name        string         `json:"name"`
	Level       status.Level   `json:"level"`
	Priority    int32          `json:"priority"`
	Selects     status.Selects `json:"selects"`
	EnvoyFilter string         `json:"envoyFilter"`
	Module      string         `json:"module,omitempty"`
	// Proxy is what has become of the filter in the proxy.
	Proxy status.Proxy `json:"proxy"`
}

// serveProxy answers with the filters of one proxy, in the order in which a request passes them.
func (s *Server) serveProxy(w http.ResponseWriter, r *http.Request) {
	namespace, pod := r.PathValue("namespace"), r.PathValue("pod")
	s.model.mu.Lock()
	err := s.model.refresh(r.Context())
	filters := s.model.filtersOf(namespace, pod)
	s.model.mu.Unlock()
	switch {
	case err != nil:
		answer(w, r, nil, err)
	case len(filters) == 0:
		http.Error(w, fmt.Sprintf("no AutoWasm selects a proxy of Pod %s/%s", namespace, pod), http.StatusNotFound)
	default:
		answerJSON(w, map[string]any{"namespace": namespace, "pod": pod, "filters": filters})
	}
}

func (m *model) filtersOf(namespace, pod string) []filterOf {
	type found struct {
		report *status.Report
		proxy  status.Proxy
	}
	var all []found
	for _, e := range m.entries {
		for _, p := range e.report.Proxies.All {
			if p.Namespace == namespace && p.Pod == pod {
				all = append(all, found{&e.report, p})
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int { return status.CompareOrder(*a.report, *b.report) })
	filters := make([]filterOf, len(all))
	for i, f := range all {
		filters[i] = filterOf{
			Namespace: f.report.Namespace, Name: f.report.Name, Level: f.report.Level(), Priority: f.report.Priority,
			Selects: f.report.Selects, EnvoyFilter: f.report.EnvoyFilter.State, Module: f.report.EnvoyFilter.Module, Proxy: f.proxy,
		}
	}
	return filters
}

// proxyRow is a proxy as the list of all shows it.
type proxyRow struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// Filters counts those for which the proxy is selected, and NotRunning those of them that do not run.
	Filters    int `json:"filters"`
	NotRunning int `json:"notRunning"`
	// State is that of the first filter that does not run.
	State string `json:"state,omitempty"`
}

// serveProxies answers with all proxies that an AutoWasm selects, those with a filter that does not run first.
func (s *Server) serveProxies(w http.ResponseWriter, r *http.Request) {
	response, err := s.model.shared(r.Context(), &s.model.proxies, s.model.encodeProxies)
	answer(w, r, response, err)
}

func (m *model) encodeProxies() (*encoded, error) {
	all := m.proxyRows()
	shown := all[:min(len(all), maxProxies)]
	items := make([][]byte, len(shown))
	for i, p := range shown {
		item, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode the proxy of Pod %s/%s: %w", p.Namespace, p.Pod, err)
		}
		items[i] = item
	}
	return encode(map[string]any{"version": m.version(), "omitted": len(all) - len(shown)}, "proxies", items)
}

func (m *model) proxyRows() []*proxyRow {
	byPod := map[types.NamespacedName]*proxyRow{}
	for _, e := range m.sorted() {
		for _, p := range e.report.Proxies.All {
			key := types.NamespacedName{Namespace: p.Namespace, Name: p.Pod}
			if byPod[key] == nil {
				byPod[key] = &proxyRow{Namespace: p.Namespace, Pod: p.Pod}
			}
			byPod[key].add(p)
		}
	}
	all := make([]*proxyRow, 0, len(byPod))
	for _, p := range byPod {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *proxyRow) int {
		return cmp.Or(-cmp.Compare(min(a.NotRunning, 1), min(b.NotRunning, 1)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod))
	})
	return all
}

// add counts a filter in.
func (p *proxyRow) add(filter status.Proxy) {
	p.Filters++
	if filter.Runs() {
		return
	}
	if p.NotRunning++; p.State == "" {
		p.State = filter.State
	}
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value)
}
