// SPDX-License-Identifier: Apache-2.0

package resilience

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
)

// forwarder stands for a Service: it gives each new connection to a replica that is
// ready. One that is ready no more gets no new connections soon after; those that
// it has are left to it.
type forwarder struct {
	URL      string
	t        *testing.T
	listener net.Listener
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu        sync.Mutex
	endpoints []*endpoint
	next      int
	open      map[net.Conn]bool
}

// endpoint is a replica as an EndpointSlice knows it.
type endpoint struct {
	name, address, readyz string
	ready                 bool
}

// How often, and how long, a replica is asked whether it is ready.
const (
	probePeriod  = 200 * time.Millisecond
	probeTimeout = time.Second
)

// newForwarder starts a forwarder without endpoints. It ends with the test.
func newForwarder(t *testing.T) *forwarder {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &forwarder{URL: "https://" + listener.Addr().String(), t: t, listener: listener, cancel: cancel, open: map[net.Conn]bool{}}
	f.running.Go(f.accept)
	f.running.Go(func() { f.probe(ctx) })
	t.Cleanup(f.stop)
	return f
}

func (f *forwarder) stop() {
	f.cancel()
	f.listener.Close()
	f.mu.Lock()
	for conn := range f.open {
		conn.Close()
	}
	f.mu.Unlock()
	f.running.Wait()
}

// add makes a replica, which has been started once, an endpoint.
func (f *forwarder) add(w *env.Wasmer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.endpoints = append(f.endpoints, &endpoint{name: w.Name, address: strings.TrimPrefix(w.WebhookURL, "https://"), readyz: w.HealthURL + "/readyz"})
}

// waitReady waits until a replica gets connections.
func (f *forwarder) waitReady(t *testing.T, w *env.Wasmer) {
	t.Helper()
	suite.Eventually(t, func(context.Context) error {
		for _, e := range f.ready() {
			if e.name == w.Name {
				return nil
			}
		}
		return fmt.Errorf("%s is not ready", w.Name)
	})
}

// ready lists the endpoints that are, another one first each time.
func (f *forwarder) ready() []*endpoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ready []*endpoint
	f.next++
	for i := range f.endpoints {
		if e := f.endpoints[(f.next+i)%len(f.endpoints)]; e.ready {
			ready = append(ready, e)
		}
	}
	return ready
}

func (f *forwarder) probe(ctx context.Context) {
	client := &http.Client{Timeout: probeTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		f.mu.Lock()
		endpoints := slices.Clone(f.endpoints)
		f.mu.Unlock()
		for _, e := range endpoints {
			f.set(e, answer(client, e.readyz))
		}
		select {
		case <-ctx.Done():
		case <-time.After(probePeriod):
		}
	}
}

// answer is nil when a replica says that it is ready.
func answer(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}

func (f *forwarder) set(e *endpoint, unready error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ready := unready == nil; e.ready != ready {
		e.ready = ready
		f.logf("%s is ready: %t (%v)", e.name, ready, unready)
	}
}

// logf tells the times, which those of a failed admission are compared with.
func (f *forwarder) logf(format string, args ...any) {
	f.t.Logf(time.Now().Format("15:04:05.000 ")+format, args...)
}

func (f *forwarder) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return // stop has closed the listener
		}
		f.running.Go(func() { f.forward(conn) })
	}
}

// forward gives a connection to the first ready replica that takes it.
func (f *forwarder) forward(conn net.Conn) {
	defer conn.Close()
	for _, e := range f.ready() {
		backend, err := net.DialTimeout("tcp4", e.address, time.Second)
		if err != nil { // it has died since it was asked
			f.logf("%s does not answer: %v", e.name, err)
			continue
		}
		f.track(conn, backend)
		defer f.forget(conn, backend)
		pipe(conn, backend)
		return
	}
	f.logf("no replica takes a connection")
}

// pipe copies both ways until both ends have said all.
func pipe(a, b net.Conn) {
	var copies sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		copies.Go(func() {
			io.Copy(way[0], way[1])
			way[0].(*net.TCPConn).CloseWrite()
		})
	}
	copies.Wait()
	b.Close()
}

func (f *forwarder) track(conns ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range conns {
		f.open[conn] = true
	}
}

func (f *forwarder) forget(conns ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range conns {
		delete(f.open, conn)
	}
}
