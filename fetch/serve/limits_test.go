// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/fetch/store"
)

func newLimited(t *testing.T, l limits) *Server {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{Store: st})
	s.limits, s.requests = l, newPlaces(l.requests, l.requestsOfOne)
	return s
}

func TestPlaces(t *testing.T) {
	a, b, sidecar := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("127.0.0.6")
	p := newPlaces(6, 2)
	for i, want := range []struct {
		client netip.Addr
		ok     bool
	}{{a, true}, {a, true}, {a, false}, {b, true}, {sidecar, true}, {sidecar, true}, {sidecar, true}, {sidecar, false}, {b, false}} {
		if got := p.take(want.client); got != want.ok {
			t.Errorf("%d: take(%s) = %v", i, want.client, got)
		}
	}
	p.release(a)
	if p.take(netip.Addr{}); p.take(a) || len(p.held) != 4 {
		t.Errorf("after a release and a take: %v", p.held)
	}
	for client, n := range map[netip.Addr]int{a: 1, b: 1, sidecar: 3, {}: 1} {
		for range n {
			p.release(client)
		}
	}
	if len(p.held) > 0 || p.all != 0 {
		t.Errorf("after all were released: %d, %v", p.all, p.held)
	}
}

// stalled is a client that takes no answer until resume is closed.
type stalled struct {
	*httptest.ResponseRecorder
	writing chan struct{}
	resume  chan struct{}
	once    sync.Once
}

func (s *stalled) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.writing); <-s.resume })
	return s.ResponseRecorder.Write(p)
}

func get(s *Server, from string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, requestFrom(from))
	return w
}

func requestFrom(from string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, HealthPath, nil)
	r.RemoteAddr = from
	return r
}

func TestRequestsOfOneClient(t *testing.T) {
	s := newLimited(t, limits{requests: 2, requestsOfOne: 1})
	slow := &stalled{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}), resume: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() { s.ServeHTTP(slow, requestFrom("10.0.0.1:1")) })
	<-slow.writing
	second := get(s, "10.0.0.1:2")
	if second.Code != http.StatusServiceUnavailable || second.Header().Get("Retry-After") != "1" || second.Body.Len() > 0 {
		t.Errorf("a second request of the client: %d, %v, %q", second.Code, second.Header(), second.Body)
	}
	if other := get(s, "10.0.0.2:1"); other.Code != http.StatusOK {
		t.Errorf("another client: %d", other.Code)
	}
	close(slow.resume)
	serving.Wait()
	if again := get(s, "10.0.0.1:3"); again.Code != http.StatusOK {
		t.Errorf("after the first was answered: %d", again.Code)
	}
}

func TestConnections(t *testing.T) {
	l := defaultLimits
	l.connections = 1
	s := newLimited(t, l)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx, listener); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	defer func() { cancel(); serving.Wait() }()
	first := dial(t, listener.Addr().String())
	if !answers(first) {
		t.Fatal("the first connection is not served")
	}
	if answers(dial(t, listener.Addr().String())) {
		t.Error("a second connection is served")
	}
	_ = first.Close()
	deadline := time.Now().Add(10 * time.Second)
	for !answers(dial(t, listener.Addr().String())) {
		if time.Now().After(deadline) {
			t.Fatal("after the first was closed, another connection is not served")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// answers reports whether a connection is served.
func answers(conn net.Conn) bool {
	if _, err := io.WriteString(conn, "GET "+HealthPath+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	n, _ := conn.Read(make([]byte, 1))
	return n > 0
}
