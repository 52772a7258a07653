// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"syscall"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// evictionGrace is how long after Put or Use a module is kept even under pressure: until its EnvoyFilter is seen.
const evictionGrace = time.Minute

// Evict removes modules that are not referenced: those last served or referenced longer than Retention ago, and, while
// the store is above MaxTotalBytes or the disk was full, those least recently served. It returns the sha256 of the
// removed ones in the order of removal, also when it failed to remove others.
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

// unreferenced lists the modules that are not referenced, least recently served first. The others are wanted now.
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
	slices.SortFunc(idle, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.served.Load(), b.served.Load()), cmp.Compare(a.SHA256, b.SHA256))
	})
	return idle
}

func (s *Store) evict(e *entry, target int64) (gone bool, err error) {
	lock := s.fileLock(e.SHA256)
	lock.Lock()
	defer lock.Unlock()
	if !s.removeEvictable(e, target) {
		return false, nil
	}
	return true, s.removeFiles(e.SHA256)
}

// removeEvictable takes e out of the index if it has expired, or if there is more than target and its grace is over.
// Use cannot come in between.
func (s *Store) removeEvictable(e *entry, target int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	served, wanted := time.Unix(0, e.served.Load()), time.Unix(0, e.wanted.Load())
	expired := min(now.Sub(served), now.Sub(wanted)) > s.o.Retention
	surplus := s.total > target || s.tooMany() || s.charged[e.namespace] > s.share()
	inGrace := now.Sub(wanted) <= min(evictionGrace, s.o.Retention)
	return (expired || surplus && !inGrace) && s.remove(e)
}

// Usage is how much the store holds.
type Usage struct {
	// Modules is the number of modules.
	Modules int
	// Bytes is what they and their records take of the disk.
	Bytes int64
}

// Usage returns how much the store holds, from memory.
func (s *Store) Usage() Usage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Usage{Modules: len(s.index), Bytes: s.total}
}

// Pressure delivers a value when Evict should make room: the disk is full, or MaxTotalBytes is exceeded.
func (s *Store) Pressure() <-chan struct{} { return s.pressure }

func (s *Store) signalPressure() {
	select {
	case s.pressure <- struct{}{}:
	default: // a signal is pending
	}
}

// admit refuses a module while a limit is exceeded, unless it is referenced.
func (s *Store) admit(c Claim) error {
	err := s.full(c.Namespace)
	if err == nil || c.Referenced {
		return nil
	}
	s.signalPressure()
	return failure.Transientf(v1alpha1.ReasonStoreFailed, "%w", err)
}

// full says which limit is exceeded, nil for none.
func (s *Store) full(namespace string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.o.MaxTotalBytes > 0 && s.total > s.o.MaxTotalBytes:
		return fmt.Errorf("the store is full: it holds %d bytes of %d", s.total, s.o.MaxTotalBytes)
	case s.tooMany():
		return fmt.Errorf("the store is full: it holds %d modules", len(s.index))
	case s.charged[namespace] > s.share():
		return fmt.Errorf("the store holds %d bytes for namespace %s, and no more than %d for one: delete AutoWasms there that are not needed", s.charged[namespace], namespace, s.share())
	}
	return nil
}

// tooMany reports whether there are more modules than may be. The caller holds s.mu.
func (s *Store) tooMany() bool { return len(s.index) > s.o.MaxModules }

// share is how many bytes the store holds for one namespace.
func (s *Store) share() int64 {
	if s.o.MaxTotalBytes <= 0 {
		return math.MaxInt64
	}
	return s.o.MaxTotalBytes / 2
}

// evictionTarget is the size down to which Evict makes room. It resets what the disk lacked: the next Put finds out.
func (s *Store) evictionTarget() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	target := int64(math.MaxInt64)
	if s.o.MaxTotalBytes > 0 {
		target = s.o.MaxTotalBytes
	}
	if s.missing > 0 {
		target = min(target, s.total-s.missing)
	}
	s.missing = 0
	return target
}

// writeFailed classifies an error of the disk, and signals pressure if it is full.
func (s *Store) writeFailed(attempt string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		s.mu.Lock()
		s.missing = s.o.MaxModuleBytes
		s.mu.Unlock()
		s.signalPressure()
	}
	return failure.Transientf(v1alpha1.ReasonStoreFailed, "store: %w", fmt.Errorf("%s: %w", attempt, err))
}
