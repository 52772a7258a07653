// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxSources is how many sources of one module are recorded; the oldest go.
	maxSources = 256
	// maxKeyBytes is the longest source key that is recorded.
	maxKeyBytes = 8 << 10
)

// Module is a module that the store has.
type Module struct {
	module.Info
	// FetchedAt is when the module came into the store.
	FetchedAt time.Time
}

// entry is a module in the index. When put again it gets a new one: who found the old file damaged cannot remove that.
type entry struct {
	Module
	namespace string   // that it was put for first; guarded by Store.mu
	sources   []string // keys of the sources that gave it; guarded by Store.mu

	served  atomic.Int64 // unix nanoseconds, 0 = never
	wanted  atomic.Int64 // last put, used or referenced; unix nanoseconds
	touched atomic.Int64 // the file's modification time; unix nanoseconds

	checking sync.Mutex // one verification at a time
	verified bool       // this process has seen that the file's hash is right
}

// newEntry returns the entry of a module whose hash was computed just now.
func (s *Store) newEntry(info module.Info, namespace string) *entry {
	now := s.o.Now()
	e := &entry{Module: Module{Info: info, FetchedAt: now}, namespace: namespace, verified: true}
	e.wanted.Store(now.UnixNano())
	e.touched.Store(now.UnixNano())
	return e
}

// Lookup returns the module of that sha256 (lower-case hex), from memory.
func (s *Store) Lookup(sha256 string) (module.Info, bool) {
	if e := s.entry(sha256); e != nil {
		return e.Info, true
	}
	return module.Info{}, false
}

// Use is Lookup for a caller that publishes the module's name: it is kept for a minute, by when it is referenced.
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

func (s *Store) entries() []*entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Values(s.index))
}

// add puts e into the index, in place of an earlier entry of the same module.
func (s *Store) add(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.index[e.SHA256]; old != nil {
		s.account(old, -1)
		e.sources, e.namespace = old.sources, cmp.Or(old.namespace, e.namespace)
		e.served.Store(old.served.Load())
	}
	s.index[e.SHA256] = e
	s.account(e, 1)
}

// remove takes e out of the index and reports whether it was there. The caller holds s.mu.
func (s *Store) remove(e *entry) bool {
	if s.index[e.SHA256] != e {
		return false
	}
	delete(s.index, e.SHA256)
	s.account(e, -1)
	s.removeSources(e.SHA256, e.sources)
	return true
}

const (
	// blockBytes is what the smallest file takes of a disk.
	blockBytes = 4 << 10
	// recordBytes is about the size of a record without sources.
	recordBytes = 256
)

// account adds what e takes of the disk to the sums, or with -1 subtracts it. The caller holds s.mu.
func (s *Store) account(e *entry, sign int64) {
	bytes := sign * e.diskBytes()
	s.total += bytes
	if e.namespace == "" {
		return
	}
	if s.charged[e.namespace] += bytes; s.charged[e.namespace] == 0 {
		delete(s.charged, e.namespace)
	}
}

// diskBytes is what the module and its record take of the disk. The caller holds Store.mu.
func (e *entry) diskBytes() int64 {
	record := int64(recordBytes)
	for _, key := range e.sources {
		record += int64(len(key))
	}
	return wholeBlocks(e.Size) + wholeBlocks(record)
}

func wholeBlocks(n int64) int64 { return (n + blockBytes - 1) / blockBytes * blockBytes }

// AddSource records that the source of this key gave the module of this sha256. The key must be of something
// immutable, such as an image's digest. The record is kept on disk for as long as the module is. Without it the module
// is fetched again, which is all that an error means.
func (s *Store) AddSource(key, sha256 string) error {
	if len(key) > maxKeyBytes {
		return failure.Transientf(v1alpha1.ReasonStoreFailed, "store: add a source of module %s: its key has %d bytes, more than %d", sha256, len(key), maxKeyBytes)
	}
	if known, ok := s.LookupSource(key); ok && known == sha256 {
		return nil
	}
	lock := s.fileLock(sha256)
	lock.Lock()
	defer lock.Unlock()
	r, ok := s.addSource(key, sha256)
	if !ok {
		return failure.Transientf(v1alpha1.ReasonStoreFailed, "store: add a source of module %s: the module is not in the store", sha256)
	}
	return s.writeRecord(sha256, r)
}

// addSource adds the key to the module's sources and returns the record to write.
func (s *Store) addSource(key, sha256 string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.index[sha256]
	if e == nil {
		return record{}, false
	}
	s.account(e, -1)
	defer s.account(e, 1)
	if !slices.Contains(e.sources, key) {
		e.sources = append(slices.Clone(e.sources), key)
	}
	if n := len(e.sources) - maxSources; n > 0 {
		s.removeSources(e.SHA256, e.sources[:n])
		e.sources = e.sources[n:]
	}
	s.sources[key] = sha256
	return recordOf(e), true
}

// LookupSource returns, from memory, the sha256 of the module that the source of this key gave, if it is still here.
func (s *Store) LookupSource(key string) (sha256 string, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sha256, ok = s.sources[key]
	return sha256, ok
}

// removeSources removes keys of a module. The caller holds s.mu.
func (s *Store) removeSources(sha256 string, keys []string) {
	for _, key := range keys {
		if s.sources[key] == sha256 {
			delete(s.sources, key)
		}
	}
}
