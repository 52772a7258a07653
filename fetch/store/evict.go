package store

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"
)

// handover is how long after Put or Use a module is kept although nobody
// references it yet and room is short: long enough for its EnvoyFilter to be seen.
const handover = time.Minute

// Evict removes modules that nobody references: those last served or referenced
// longer than Retention ago, and, while the store is above MaxTotalBytes or the
// disk was found full, those least recently served. A referenced module is never
// removed. It returns the names of the removed ones in the order of removal, also
// when it could not remove some.
func (s *Store) Evict(referenced func(sha256 string) bool) (removed []string, err error) {
	now := s.o.Now()
	idle := s.unreferenced(referenced, now)
	goal := s.goal()
	var failed []error
	for _, e := range idle {
		expired := now.Sub(e.lastUsed()) > s.o.Retention
		crowded := s.Usage().Bytes > goal && now.Sub(time.Unix(0, e.wanted.Load())) > s.handover()
		if !expired && !crowded {
			continue
		}
		gone, err := s.evict(e)
		if err != nil {
			failed = append(failed, err)
		}
		if gone {
			removed = append(removed, e.SHA256)
		}
	}
	return removed, errors.Join(failed...)
}

// unreferenced lists the modules that nobody names, least recently served first,
// and notes of the others that they are wanted now.
func (s *Store) unreferenced(referenced func(string) bool, now time.Time) []*entry {
	var idle []*entry
	for _, e := range s.entries() {
		if referenced(e.SHA256) {
			e.wanted.Store(now.UnixNano())
			s.stamp(e, now)
			continue
		}
		idle = append(idle, e)
	}
	slices.SortFunc(idle, func(a, b *entry) int {
		if a, b := a.served.Load(), b.served.Load(); a != b {
			return int(min(max(a-b, -1), 1))
		}
		return strings.Compare(a.SHA256, b.SHA256)
	})
	return idle
}

func (s *Store) entries() []*entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*entry, 0, len(s.index))
	for _, e := range s.index {
		all = append(all, e)
	}
	return all
}

// goal is how many bytes the store should hold at most, and forgets that the disk
// was full: the next Put will find out.
func (s *Store) goal() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	goal := int64(math.MaxInt64)
	if s.o.MaxTotalBytes > 0 {
		goal = s.o.MaxTotalBytes
	}
	if s.lacking > 0 {
		goal = min(goal, s.total-s.lacking)
	}
	s.lacking = 0
	return goal
}

func (s *Store) handover() time.Duration { return min(handover, s.o.Retention) }

// evict removes a module unless somebody began to use it meanwhile.
func (s *Store) evict(e *entry) (gone bool, err error) {
	stripe := s.stripe(e.SHA256)
	stripe.Lock()
	defer stripe.Unlock()
	if !s.forgetIdle(e) {
		return false, nil
	}
	return true, s.removeFiles(e.SHA256)
}

func (s *Store) forgetIdle(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.o.Now().Sub(time.Unix(0, e.wanted.Load())) <= s.handover() {
		return false
	}
	return s.forget(e)
}
