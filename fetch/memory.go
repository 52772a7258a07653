package fetch

import (
	"sync"
	"time"
)

// maxMemories bounds the resolutions that are remembered.
const maxMemories = 16384

// memory remembers what requests were resolved to. Only successes are remembered.
type memory struct {
	ttl time.Duration

	mu    sync.RWMutex
	known map[identity]answer
}

type answer struct {
	module Module
	until  time.Time
}

func newMemory(ttl time.Duration) *memory {
	return &memory{ttl: ttl, known: map[identity]answer{}}
}

func (m *memory) get(id identity, now time.Time) (Module, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	a, ok := m.known[id]
	return a.module, ok && now.Before(a.until)
}

// put remembers a resolution that was made at the given time.
func (m *memory) put(id identity, module Module, resolved time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.known[id]; !known && len(m.known) >= maxMemories {
		m.shrink(resolved)
	}
	m.known[id] = answer{module: module, until: resolved.Add(m.ttl)}
}

// shrink forgets what has expired, or if nothing has, any half of it.
func (m *memory) shrink(now time.Time) {
	for id, a := range m.known {
		if !now.Before(a.until) {
			delete(m.known, id)
		}
	}
	for id := range m.known {
		if len(m.known) <= maxMemories/2 {
			return
		}
		delete(m.known, id)
	}
}
