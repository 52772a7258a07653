package serve

import (
	"container/list"
	"sync"
	"time"
)

const (
	// sightingTTL is how long it is remembered that a client asked.
	sightingTTL = 24 * time.Hour
	// maxSightings bounds what is remembered: clients times modules.
	maxSightings = 20_000
)

// Sighting is what a module server has seen of one client and one module.
type Sighting struct {
	// Asked is when the client last asked for the module.
	Asked time.Time `json:"asked"`
	// Served is when it was last sent the whole module; zero when it never was.
	Served time.Time `json:"served,omitzero"`
}

// Seen returns who asked for a module within the last day, while it was here, by IP
// address: that of the connection, which is a proxy's unless something stands between.
// It is a copy. What is seen is lost with the process, and the oldest when it is much.
func (s *Server) Seen(sha256 string) map[string]Sighting { return s.sightings.of(sha256) }

// sightings are the latest ones. Modules that are not here are not noted, or anybody
// could push the others out by asking for what does not exist.
type sightings struct {
	mu       sync.Mutex
	byModule map[string]map[string]*list.Element
	latest   list.List // of *sighting, the last one heard of in front
}

type sighting struct {
	module, client string
	Sighting
}

func newSightings() *sightings {
	return &sightings{byModule: map[string]map[string]*list.Element{}}
}

// note keeps that a client asks for a module, or that it was sent the whole of it.
func (s *sightings) note(module, client string, served bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.get(module, client)
	if served {
		seen.Served = now
	} else {
		seen.Asked = now
	}
	s.forget(now)
}

// get returns what is known of a client and a module, as the latest of all. The
// caller holds s.mu.
func (s *sightings) get(module, client string) *sighting {
	clients := s.byModule[module]
	if clients == nil {
		clients = map[string]*list.Element{}
		s.byModule[module] = clients
	}
	if clients[client] == nil {
		clients[client] = s.latest.PushFront(&sighting{module: module, client: client, Sighting: Sighting{Asked: time.Now()}})
	}
	s.latest.MoveToFront(clients[client])
	return of(clients[client])
}

// forget removes what is too old or too much. The caller holds s.mu.
func (s *sightings) forget(now time.Time) {
	for last := s.latest.Back(); last != nil; last = s.latest.Back() {
		old := of(last)
		if s.latest.Len() <= maxSightings && now.Sub(old.latest()) < sightingTTL {
			return
		}
		s.latest.Remove(last)
		delete(s.byModule[old.module], old.client)
		if len(s.byModule[old.module]) == 0 {
			delete(s.byModule, old.module)
		}
	}
}

// of returns what is known of one module.
func (s *sightings) of(module string) map[string]Sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	seen := make(map[string]Sighting, len(s.byModule[module]))
	for client, element := range s.byModule[module] {
		seen[client] = of(element).Sighting
	}
	return seen
}

func of(element *list.Element) *sighting { return element.Value.(*sighting) }

// latest is when the client was last heard of.
func (s Sighting) latest() time.Time {
	if s.Served.After(s.Asked) {
		return s.Served
	}
	return s.Asked
}
