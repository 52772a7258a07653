// SPDX-License-Identifier: Apache-2.0

package fairness

import (
	"slices"
	"sync"
)

// Shares bounds how much is done at once for each namespace. It may be used concurrently.
type Shares struct {
	mu   sync.Mutex
	held Counter[string]
}

// NewShares makes Shares of that many places.
func NewShares(places int) *Shares { return &Shares{held: NewCounter[string](places)} }

// TryAcquire takes a place of whichever of the namespaces holds the fewest, of which there must be one, and returns
// what releases it; false when all places of all of them are taken.
func (s *Shares) TryAcquire(namespaces []string) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	idlest := slices.MinFunc(namespaces, func(a, b string) int { return s.held.Count(a) - s.held.Count(b) })
	if s.held.Full(idlest) {
		return nil, false
	}
	s.held.Add(idlest)
	return sync.OnceFunc(func() { s.release(idlest) }), true
}

func (s *Shares) release(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.Remove(namespace)
}
