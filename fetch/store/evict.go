package store

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// evictionGrace is how long after Put or Use an unreferenced module is kept even
// under pressure: long enough for its EnvoyFilter to be seen.
const evictionGrace = time.Minute

// Evict removes modules that are not referenced: those last served or referenced
// longer than Retention ago, and, while the store is above MaxTotalBytes or the
// disk was full, those least recently served. A referenced module is never
// removed. It returns the sha256 of the removed ones in the order of removal, also
// when it failed to remove others.
func (s *Store) Evict(referenced func(sha256 string) bool) (removed []string, err error) {
	target := s.evictionTarget()
	var failed []error
	for _, e := range s.unreferenced(referenced) {
		gone, err := s.evict(e, target)
		if err != nil {
			failed = append(failed, err)
		}
		if gone {
			removed = append(removed, e.SHA256)
		}
	}
	return removed, errors.Join(failed...)
}

// unreferenced lists the modules that are not referenced, least recently served
// first, and marks the others as wanted now.
func (s *Store) unreferenced(referenced func(string) bool) []*entry {
	now := s.o.Now()
	idle := slices.DeleteFunc(s.entries(), func(e *entry) bool {
		if !referenced(e.SHA256) {
			return false
		}
		e.wanted.Store(now.UnixNano())
		s.touch(e, now)
		return true
	})
	served := make(map[*entry]int64, len(idle)) // one value each: they change while sorting
	for _, e := range idle {
		served[e] = e.served.Load()
	}
	slices.SortFunc(idle, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(served[a], served[b]), cmp.Compare(a.SHA256, b.SHA256))
	})
	return idle
}

// evict removes a module if its time has come.
func (s *Store) evict(e *entry, target int64) (gone bool, err error) {
	lock := s.fileLock(e.SHA256)
	lock.Lock()
	defer lock.Unlock()
	if !s.removeEvictable(e, target) {
		return false, nil
	}
	return true, s.removeFiles(e.SHA256)
}

// removeEvictable takes e out of the index if it has expired, or if there is more
// than target and it is not in its grace. Use cannot come in between.
func (s *Store) removeEvictable(e *entry, target int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	expired := now.Sub(e.lastUsed()) > s.o.Retention
	surplus := s.total > target && now.Sub(e.lastWanted()) > min(evictionGrace, s.o.Retention)
	return (expired || surplus) && s.remove(e)
}
