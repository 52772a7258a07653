// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"container/list"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/fetch/peer"
)

const (
	// accessTTL is how long an access is remembered.
	accessTTL = 24 * time.Hour
	// maxAccesses bounds what is remembered: clients times modules.
	maxAccesses = 20_000
)

// Accesses returns a copy of who requested a module within the last day, while it was here, by the IP address of the
// connection. Accesses are lost with the process, and the oldest when there are too many.
func (s *Server) Accesses(sha256 string) map[string]peer.Access { return s.accesses.of(sha256) }

// observe notes who requests a module that is here. The function that it returns notes, when the response is over,
// whether the connection took the whole module.
func (s *Server) observe(w *response, r *http.Request, info module.Info) (over func()) {
	client, ok := clientOf(r)
	if !ok {
		return func() {}
	}
	s.accesses.note(info.SHA256, client, false)
	return func() {
		if w.code == http.StatusOK && w.bytes == info.Size {
			s.accesses.note(info.SHA256, client, true)
		}
	}
}

// clientOf is the address of a client that loads modules: a HEAD and another replica do not, and no header counts.
func clientOf(r *http.Request) (string, bool) {
	if r.Method != http.MethodGet || r.Header.Get(peer.Header) != "" {
		return "", false
	}
	client := addressOf(r.RemoteAddr)
	return client.String(), client.IsValid()
}

// serveAccesses answers a replica that requests the accesses of a module, and reports whether this is such a request.
func (s *Server) serveAccesses(w *response, r *http.Request, name string) bool {
	sha256, ok := strings.CutSuffix(name, peer.AccessesSuffix)
	if !ok || !v1alpha1.IsSHA256(sha256) || r.Header.Get(peer.Header) == "" {
		return false
	}
	body, err := json.Marshal(s.Accesses(sha256))
	if err != nil {
		reject(w, http.StatusInternalServerError, "cannot encode the accesses")
		return true
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // fails only for a client that has left
	return true
}

// accesses are the latest ones. Those of modules that are not here are not noted, or any client could push the others
// out by requesting what does not exist.
type accesses struct {
	mu       sync.Mutex
	byModule map[string]map[string]*list.Element // by the client's address
	latest   list.List                           // of *access, the latest in front
}

type access struct {
	module, client string
	peer.Access
}

func newAccesses() *accesses {
	return &accesses{byModule: map[string]map[string]*list.Element{}}
}

// note keeps that a client requests a module, or that it was sent the whole of it.
func (a *accesses) note(module, client string, served bool) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	noted := a.get(module, client, now)
	if served {
		noted.ServedAt = now
	} else {
		noted.RequestedAt = now
	}
	a.expire(now)
}

// get returns the access of a client and a module, as the latest of all. The caller holds a.mu.
func (a *accesses) get(module, client string, now time.Time) *access {
	clients := a.byModule[module]
	if clients == nil {
		clients = map[string]*list.Element{}
		a.byModule[module] = clients
	}
	if clients[client] == nil {
		clients[client] = a.latest.PushFront(&access{module: module, client: client, Access: peer.Access{RequestedAt: now}})
	}
	a.latest.MoveToFront(clients[client])
	return accessOf(clients[client])
}

// expire removes what is too old or too much. The caller holds a.mu.
func (a *accesses) expire(now time.Time) {
	for last := a.latest.Back(); last != nil; last = a.latest.Back() {
		old := accessOf(last)
		if a.latest.Len() <= maxAccesses && now.Sub(old.Latest()) < accessTTL {
			return
		}
		a.latest.Remove(last)
		delete(a.byModule[old.module], old.client)
		if len(a.byModule[old.module]) == 0 {
			delete(a.byModule, old.module)
		}
	}
}

func (a *accesses) of(module string) map[string]peer.Access {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expire(time.Now())
	found := make(map[string]peer.Access, len(a.byModule[module]))
	for client, element := range a.byModule[module] {
		found[client] = accessOf(element).Access
	}
	return found
}

func accessOf(element *list.Element) *access { return element.Value.(*access) }
