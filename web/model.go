// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/status"
)

const (
	// refreshInterval is how often the cache is read at most. In a large cluster the pause after a reading is as many times
	// longer than that took as idle says, up to maxInterval: what a page costs of a processor is bounded.
	refreshInterval = time.Second
	maxInterval     = 10 * time.Second
	idle            = 10
	// keepUnused is how long what was made of the cache is kept while no page is open.
	keepUnused = time.Minute
)

// model is what the pages show, at the version that the cache had when it was read last.
type model struct {
	o   Options
	now func() time.Time
	// process tells the versions of this process from those of another one.
	process string

	mu        sync.Mutex
	number    uint64 // of the version
	entries   map[types.NamespacedName]*entry
	log       changeLog
	snapshot  *encoded // of the version, nil until one is wanted
	proxies   *encoded // the same
	refreshed time.Time
	took      time.Duration // what that took
	used      time.Time
	followers int
}

// entry is what was made of one AutoWasm.
type entry struct {
	basis  basis
	report status.Report
	row    []byte
}

func newModel(o Options, now func() time.Time) *model {
	return &model{o: o, now: now, process: rand.Text()[:8], log: newChangeLog()}
}

// follow keeps the model up to date while there are followers, and empties it a while after the last, until ctx ends.
func (m *model) follow(ctx context.Context) {
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := m.tend(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "Cannot update the page")
		}
	}
}

// tend does what is due.
func (m *model) tend(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.followers > 0:
		return m.refresh(ctx)
	case m.entries != nil && m.now().Sub(m.used) > keepUnused:
		m.entries, m.snapshot, m.proxies, m.refreshed = nil, nil, nil, time.Time{}
		m.number++
		m.log.reset()
	}
	return nil
}

// refresh reads the cache unless it was read a moment ago. The caller holds the lock, also for what it then reads.
func (m *model) refresh(ctx context.Context) error {
	began := m.now()
	m.used = began
	if m.entries != nil && began.Sub(m.refreshed) < min(max(refreshInterval, idle*m.took), maxInterval) {
		return nil
	}
	objects, err := read(ctx, m.o)
	if err != nil {
		return err
	}
	if err := m.update(objects); err != nil {
		return err
	}
	m.refreshed = m.now()
	m.took = m.refreshed.Sub(began)
	return nil
}

// update makes the next version when something has changed.
func (m *model) update(o *objects) error {
	next := make(map[types.NamespacedName]*entry, len(o.autoWasms))
	var change change
	for i := range o.autoWasms {
		aw := &o.autoWasms[i]
		key := client.ObjectKeyFromObject(aw)
		e, err := m.entries[key].next(o, aw)
		if err != nil {
			return err
		}
		if next[key] = e; m.entries[key] == nil || !bytes.Equal(m.entries[key].row, e.row) {
			change.changed = append(change.changed, e.row)
		}
	}
	for key := range m.entries {
		if next[key] == nil {
			change.removed = append(change.removed, key)
		}
	}
	first := m.entries == nil
	m.entries = next
	if first || !change.isEmpty() {
		m.advance(change, first)
	}
	return nil
}

// next returns the entry of an AutoWasm, the same when what it was made of is.
func (e *entry) next(o *objects, aw *v1alpha1.AutoWasm) (*entry, error) {
	basis := o.basisOf(aw)
	if e != nil && e.basis == basis {
		return e, nil
	}
	report := o.reportOf(aw)
	row, err := encodeRow(report)
	return &entry{basis, report, row}, err
}

// advance makes what was read the next version. No change leads to the first.
func (m *model) advance(c change, first bool) {
	m.number++
	m.snapshot, m.proxies = nil, nil
	if first {
		m.log.reset()
		return
	}
	m.log.add(c)
}

// sorted are the entries by namespace and name.
func (m *model) sorted() []*entry {
	all := make([]*entry, 0, len(m.entries))
	for _, e := range m.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.report.Namespace, b.report.Namespace), cmp.Compare(a.report.Name, b.report.Name))
	})
	return all
}
