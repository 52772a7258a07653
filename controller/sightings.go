package controller

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// sightings remember since when the sweeper has known what it may have to remove.
// They count by this process's own clock alone: the API server's, which writes the
// creationTimestamp, may be hours away from it.
//
// There is an entry only for staged EnvoyFilters that are being waited for.
type sightings struct {
	mu    sync.Mutex
	first map[types.NamespacedName]sighting
}

type sighting struct {
	uid types.UID
	at  time.Time
}

func newSightings() *sightings {
	return &sightings{first: map[types.NamespacedName]sighting{}}
}

// since returns when the object of this key and UID was first seen, now if it was
// not seen before.
func (s *sightings) since(key types.NamespacedName, uid types.UID, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, ok := s.first[key]
	if !ok || seen.uid != uid {
		seen = sighting{uid: uid, at: now}
		s.first[key] = seen
	}
	return seen.at
}

// forget ends the wait for key; a later sighting begins a new one.
func (s *sightings) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.first, key)
}
