package store

import (
	"errors"
	"fmt"
	"math"
	"syscall"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

// Usage is how much the store holds.
type Usage struct {
	// Modules is the number of modules.
	Modules int
	// Bytes is the sum of their sizes.
	Bytes int64
}

// Usage returns how much the store holds, from memory.
func (s *Store) Usage() Usage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Usage{Modules: len(s.index), Bytes: s.total}
}

// Pressure delivers a value when Evict should make room: the disk is full, or
// MaxTotalBytes is exceeded.
func (s *Store) Pressure() <-chan struct{} { return s.pressure }

func (s *Store) signalPressure() {
	select {
	case s.pressure <- struct{}{}:
	default: // a signal is pending
	}
}

// admit refuses a module while the store exceeds its limit.
func (s *Store) admit() error {
	if !s.overLimit() {
		return nil
	}
	s.signalPressure()
	return failure.Transientf(v1alpha1.ReasonStoreFailed, "the store is full: it holds %d bytes of %d", s.Usage().Bytes, s.o.MaxTotalBytes)
}

func (s *Store) overLimit() bool {
	return s.o.MaxTotalBytes > 0 && s.Usage().Bytes > s.o.MaxTotalBytes
}

// evictionTarget is the size down to which Evict makes room. It resets what the
// disk lacked: the next Put will find out.
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
