// SPDX-License-Identifier: Apache-2.0

package proxies

import (
	"slices"
	"time"

	"github.com/autowasm/autowasm/render"
)

// envoy counts virtual machines as Envoy 1.40.0 and 1.39.3 do: history_test.go has what these were seen to count.
type envoy struct {
	workers, chains int
	now             time.Time
	created         int64
	left            int // machines that were replaced after a trap
	restarts        map[render.Plugin]int64
	code            map[string]bool // whether a module, by its VM, is in the cache
	listeners       []*listener     // the last is the active one, the others drain
}

// listener is one version of a proxy's listener.
type listener struct {
	filters []inListener
	warming bool // it waits for modules
}

// inListener is a filter as a listener has it.
type inListener struct {
	render.Plugin
	starts bool
	set    *set // nil when it does not start, or waits
	cached bool // its module was in the cache when the listener was made
}

// set are the virtual machines that filters with one module and vm_id share.
type set struct {
	vm     string
	cached bool
	tried  map[render.Plugin]bool
}

func newEnvoy(workers int) *envoy {
	return &envoy{workers: workers, chains: 2, now: testTime, restarts: map[render.Plugin]int64{}, code: map[string]bool{}}
}

// update replaces the listener by one with these filters. It waits for those that are not in the cache, and is rejected
// when one that is in the cache does not start.
func (e *envoy) update(filters ...inListener) {
	next := &listener{}
	e.listeners = append(e.listeners, next)
	for _, f := range filters {
		f.cached = e.code[f.VM]
		if f.cached && !e.start(&f) {
			e.listeners = e.listeners[:len(e.listeners)-1]
			return
		}
		next.warming = next.warming || !f.cached
		next.filters = append(next.filters, f)
	}
	if n := len(e.listeners); n > 1 && e.listeners[n-2].warming { // which is replaced, and not drained
		e.listeners = slices.Delete(e.listeners, n-2, n-1)
	}
}

// load brings the modules that the listener waits for.
func (e *envoy) load() {
	if len(e.listeners) == 0 {
		return
	}
	active := e.listeners[len(e.listeners)-1]
	for i := range active.filters {
		f := &active.filters[i]
		if active.warming && !f.cached {
			e.code[f.VM] = true
			for range e.chains {
				e.start(f)
			}
		}
	}
	active.warming = false
}

// start creates the machines of a filter for one filter chain.
func (e *envoy) start(f *inListener) bool {
	of := e.find(f)
	switch {
	case !f.starts && of != nil:
		e.created++
		return false
	case !f.starts:
		e.created += 2
		return false
	case of == nil:
		of = &set{vm: f.VM, cached: f.cached, tried: map[render.Plugin]bool{}}
		e.created += int64(e.workers) + 2
	}
	if !of.tried[f.Plugin] {
		e.created++
		of.tried[f.Plugin] = true
	}
	f.set = of
	return true
}

// find returns the machines that a filter shares with others. Envoy does not know the code of one that it loads.
func (e *envoy) find(f *inListener) *set {
	for s := range e.sets() {
		if s.vm == f.VM && s.cached == f.cached {
			return s
		}
	}
	return nil
}

// sets are those that run.
func (e *envoy) sets() map[*set]bool {
	all := map[*set]bool{}
	for _, l := range e.listeners {
		for _, f := range l.filters {
			if f.set != nil {
				all[f.set] = true
			}
		}
	}
	return all
}

// drain ends all former listeners.
func (e *envoy) drain() { e.listeners = e.listeners[max(0, len(e.listeners)-1):] }

// restart has a filter trap on a worker, whose machine is replaced and stays.
func (e *envoy) restart(p render.Plugin) {
	e.restarts[p]++
	e.created++
	e.left = min(e.left+1, e.workers)
}

// report is what the proxy shows after some time.
func (e *envoy) report() Report {
	e.now = e.now.Add(time.Second)
	r := Report{At: e.now, Workers: e.workers, Draining: max(0, len(e.listeners)-1)}
	r.VMs = len(e.sets())*(e.workers+2) + e.left
	if r.VMs > 0 || e.created > 0 {
		r.Created = e.created
	}
	seen := map[render.Plugin]bool{}
	for _, l := range e.listeners {
		if l.warming {
			r.Warming++
		}
		for _, f := range l.filters {
			if !seen[f.Plugin] {
				seen[f.Plugin] = true
				r.Filters = append(r.Filters, f.Plugin)
			}
			if n := e.restarts[f.Plugin]; n > 0 {
				if r.Restarts == nil {
					r.Restarts = map[render.Plugin]int64{}
				}
				r.Restarts[f.Plugin] = n
			}
		}
	}
	return r
}
