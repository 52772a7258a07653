// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// limits bound what clients may hold at once, all together and each, so that those that do not read neither use up the
// memory nor keep others out. A client is an IP address; a sidecar in front of wasmer has all clients behind one loopback
// address, which is bound by the limits of all only.
type limits struct {
	connections, connectionsOfOne int
	requests, requestsOfOne       int
}

// defaultLimits keep what clients hold below some 200 MB. A proxy has one connection, and one request for each of its
// modules.
var defaultLimits = limits{connections: 4096, connectionsOfOne: 64, requests: 2048, requestsOfOne: 128}

// logRate and logBurst are how many lines all clients together can have logged, per second and at once.
const (
	logRate  = 1
	logBurst = 50
)

// maxStreams is how many requests an HTTP/2 connection may have at once.
const maxStreams = 64

// places count what clients hold of one kind.
type places struct {
	limit, limitOfOne int

	mu   sync.Mutex
	all  int
	held map[netip.Addr]int
}

func newPlaces(limit, limitOfOne int) *places {
	return &places{limit: limit, limitOfOne: limitOfOne, held: map[netip.Addr]int{}}
}

// take gives a client a place, and reports whether there was one. It does not wait.
func (p *places) take(client netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= p.limit || p.held[client] >= p.limitOfOne && !client.IsLoopback() {
		return false
	}
	p.all++
	p.held[client]++
	return true
}

func (p *places) release(client netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.held[client]--; p.held[client] == 0 {
		delete(p.held, client)
	}
}

// addressOf is the IP address of a client; void for one that has none.
func addressOf(remote string) netip.Addr {
	client, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return client.Addr().Unmap().WithZone("")
}

// connections are those that have a place. A listener that returned connections of its own would take sendfile from
// net/http, so this is a hook of the server.
type connections struct {
	places *places
	open   sync.Map // net.Conn to netip.Addr
}

// changed is a http.Server's ConnState. It closes new connections that are too many.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		client := addressOf(conn.RemoteAddr().String())
		if !c.places.take(client) {
			_ = conn.Close()
			return
		}
		c.open.Store(conn, client)
	case http.StateClosed, http.StateHijacked:
		if client, ok := c.open.LoadAndDelete(conn); ok {
			c.places.release(client.(netip.Addr)) //nolint:forcetypeassert // it is what was stored
		}
	}
}
