package store

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/autowasm/autowasm/fetch/module"
)

// Module is a module that the store has.
type Module struct {
	module.Info
	// FetchedAt is when the module came into the store.
	FetchedAt time.Time
}

// entry is the store's memory of one module. A module that is written anew gets
// a new entry, so that whoever found the old file damaged cannot remove the new.
type entry struct {
	Module
	sources []string // keys of the sources that gave it; guarded by Store.mu

	served   atomic.Int64 // unix nanoseconds, 0 = not yet
	wanted   atomic.Int64 // last put, used or referenced
	stamped  atomic.Int64 // when the file's time was last set
	verified atomic.Bool  // the file's hash was seen to be right by this process
	checking sync.Mutex   // one check at a time
}

// lastUsed is when the module was last served, used or referenced.
func (e *entry) lastUsed() time.Time {
	return time.Unix(0, max(e.served.Load(), e.wanted.Load()))
}

// Lookup returns the module of that sha256 (lower-case hex), from memory.
func (s *Store) Lookup(sha256 string) (module.Info, bool) {
	if e := s.entry(sha256); e != nil {
		return e.Info, true
	}
	return module.Info{}, false
}

// Use is Lookup for somebody who is about to hand the module's name out: it keeps
// the module from being evicted for a minute, by when it is referenced.
func (s *Store) Use(sha256 string) (Module, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.index[sha256]
	if e == nil {
		return Module{}, false
	}
	e.wanted.Store(s.o.Now().UnixNano())
	return e.Module, true
}

func (s *Store) entry(sha256 string) *entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.index[sha256]
}

// add puts e into the index, in the place of an earlier entry of the same module.
func (s *Store) add(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.index[e.SHA256]; old != nil {
		e.sources = old.sources
		e.served.Store(old.served.Load())
		s.total -= old.Size
	}
	s.index[e.SHA256] = e
	s.total += e.Size
}

// forget takes e out of the index and reports whether it was there. The caller
// holds s.mu.
func (s *Store) forget(e *entry) bool {
	if s.index[e.SHA256] != e {
		return false
	}
	delete(s.index, e.SHA256)
	s.total -= e.Size
	s.disown(e.SHA256, e.sources)
	return true
}
