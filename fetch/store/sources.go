package store

import (
	"slices"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/internal/failure"
)

const (
	// maxSources is how many sources of one module are remembered; the oldest go.
	maxSources = 256
	// maxKey is the longest key that is remembered, in bytes.
	maxKey = 8 << 10
)

// Remember notes that the source of this key gave the module of this sha256. The
// key must be of something immutable, such as an image's digest. The note is kept
// on disk for as long as the module is; without it a module is fetched again,
// which is all that an error means.
func (s *Store) Remember(key, sha256 string) error {
	if len(key) > maxKey {
		return failure.Transientf(v1alpha1.ReasonStoreFailed, "store: remember a source of module %s: its key has %d bytes, more than %d", sha256, len(key), maxKey)
	}
	if known, ok := s.Recall(key); ok && known == sha256 {
		return nil
	}
	stripe := s.stripe(sha256)
	stripe.Lock()
	defer stripe.Unlock()
	r, ok := s.attach(key, sha256)
	if !ok {
		return failure.Transientf(v1alpha1.ReasonStoreFailed, "store: remember a source of module %s: the module is not in the store", sha256)
	}
	return s.writeRecord(sha256, r)
}

// attach adds the key to the module's sources and returns the record to write.
func (s *Store) attach(key, sha256 string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.index[sha256]
	if e == nil {
		return record{}, false
	}
	if !slices.Contains(e.sources, key) {
		e.sources = append(slices.Clone(e.sources), key)
	}
	if n := len(e.sources) - maxSources; n > 0 {
		s.disown(e.SHA256, e.sources[:n])
		e.sources = e.sources[n:]
	}
	s.sources[key] = sha256
	return recordOf(e, e.sources), true
}

// Recall returns the module that the source of this key gave, if it did and the
// store still has it. It answers from memory.
func (s *Store) Recall(key string) (sha256 string, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sha256, ok = s.sources[key]
	return sha256, ok
}

// disown forgets sources of a module. The caller holds s.mu.
func (s *Store) disown(sha256 string, keys []string) {
	for _, key := range keys {
		if s.sources[key] == sha256 {
			delete(s.sources, key)
		}
	}
}
