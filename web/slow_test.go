// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autowasm/autowasm/web/webtest"
)

// pipes is a listener of connections in memory, without a buffer: who does not read stops the writer.
type pipes struct {
	accept chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accept:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.accept <- server
	return client
}

// TestSlowReaders: a page that stops reading is dropped, and delays no other; the server's end ends streams.
func TestSlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := twoTeams()
		s := newServer(c)
		listener := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, listener) }()
		if err := s.model.lockedRefresh(ctx); err != nil {
			t.Fatal(err)
		}
		request := "GET /api/events?since=" + s.model.version() + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
		slow, good := listener.dial(), listener.dial()
		for _, conn := range []net.Conn{slow, good} {
			if _, err := io.WriteString(conn, request); err != nil {
				t.Fatal(err)
			}
		}
		first := make([]byte, 1)
		if _, err := slow.Read(first); err != nil { // and then no more
			t.Fatal(err)
		}
		var read strings.Builder
		done := make(chan struct{})
		go func() { defer close(done); _, _ = io.Copy(&read, good) }()
		c.Put(webtest.AutoWasm("shop", "more", "details"))
		time.Sleep(2 * time.Second)
		if len(s.streams) != 2 {
			t.Errorf("%d streams at first", len(s.streams))
		}
		time.Sleep(2 * sendTimeout)
		if len(s.streams) != 1 {
			t.Errorf("%d streams after a while, want the good one alone", len(s.streams))
		}
		time.Sleep(time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		<-done
		if got := read.String(); !strings.Contains(got, "event: delta") || strings.Count(got, ": still here") < 3 {
			t.Errorf("the good one was sent %q", got)
		}
		_ = slow.Close()
	})
}

func (m *model) lockedRefresh(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refresh(ctx)
}
