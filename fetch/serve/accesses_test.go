// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/api/v1alpha1"
	"github.com/autowasm/autowasm/fetch/module/wasmtest"
	"github.com/autowasm/autowasm/fetch/peer"
	"github.com/autowasm/autowasm/fetch/serve"
	"github.com/autowasm/autowasm/internal/failure"
)

// unserved is a server with one large module, and its URL.
func unserved(t *testing.T) (server *serve.Server, url, sha256 string) {
	t.Helper()
	s := newStore(t)
	info := put(t, s, wasmtest.Module(wasmtest.Padding(8<<20)))
	server = serve.New(serve.Options{Store: s})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server, "http://" + listener.Addr().String() + v1alpha1.ModulePath + info.SHA256, info.SHA256
}

// states tells only whether there are times, and fails when they are not recent.
func states(t *testing.T, accesses map[string]peer.Access) map[string]string {
	t.Helper()
	found := map[string]string{}
	for client, s := range accesses {
		if time.Since(s.RequestedAt) > time.Minute || (!s.ServedAt.IsZero() && s.ServedAt.Before(s.RequestedAt)) {
			t.Errorf("%s: %+v", client, s)
		}
		found[client] = "requested"
		if !s.ServedAt.IsZero() {
			found[client] = "served"
		}
	}
	return found
}

func TestAccesses(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	plain := func(*http.Request) {}
	cases := map[string]struct {
		method    string
		protocols *http.Protocols
		edit      func(*http.Request)
		read      int64 // how much of the body; all when 0
		want      map[string]string
	}{
		"the whole module":             {edit: plain, want: map[string]string{"127.0.0.1": "served"}},
		"the whole module over HTTP/2": {edit: plain, protocols: h2c(), want: map[string]string{"127.0.0.1": "served"}},
		"a client that leaves":         {edit: plain, read: 1 << 10, want: map[string]string{"127.0.0.1": "requested"}},
		"a client that leaves, HTTP/2": {edit: plain, protocols: h2c(), read: 1 << 10, want: map[string]string{"127.0.0.1": "requested"}},
		"a part":                       {edit: header("Range", "bytes=0-9"), want: map[string]string{"127.0.0.1": "requested"}},
		"the header":                   {edit: plain, method: http.MethodHead, want: map[string]string{}},
		"another replica":              {edit: header(peer.Header, "1"), want: map[string]string{}},
		"a forged origin":              {edit: header("X-Forwarded-For", "10.1.1.1"), want: map[string]string{"127.0.0.1": "served"}},
		"a module that it has": {edit: func(r *http.Request) { r.Header.Set("If-None-Match", `"`+r.URL.Path[len(v1alpha1.ModulePath):]+`"`) },
			want: map[string]string{"127.0.0.1": "requested"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server, url, sha256 := unserved(t)
			protocols := c.protocols
			if protocols == nil {
				protocols = h1()
			}
			load(t, client(t, protocols), c.method, url, c.read, c.edit)
			waitForAccesses(t, server, sha256, c.want)
			if other := server.Accesses(hashOf([]byte("other"))); len(other) != 0 {
				t.Errorf("of another module: %v", other)
			}
		})
	}
}

func load(t *testing.T, c *http.Client, method, url string, read int64, edit func(*http.Request)) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	edit(request)
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if read == 0 {
		read = 1 << 30
	}
	if _, err := io.CopyN(io.Discard, response.Body, read); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

// waitForAccesses waits for the server to be done with an answer that the client has.
func waitForAccesses(t *testing.T, server *serve.Server, sha256 string, want map[string]string) {
	t.Helper()
	var got map[string]string
	for range 100 {
		if got = states(t, server.Accesses(sha256)); cmp.Equal(want, got) {
			time.Sleep(20 * time.Millisecond) // it must stay so
			got = states(t, server.Accesses(sha256))
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("accesses (-want +got):\n%s", diff)
	}
}

// request has a server answer a client at an address.
func request(s *serve.Server, remote, path string, fromPeer bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.RemoteAddr = remote
	if fromPeer {
		r.Header.Set(peer.Header, "1")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAccessesByAddress(t *testing.T) {
	s := newStore(t)
	info := put(t, s, wasmtest.Module())
	server := serve.New(serve.Options{Store: s})
	for _, remote := range []string{"10.0.0.1:1234", "10.0.0.1:1235", "[::ffff:10.0.0.2]:1", "[fd00::0:1]:1", "[fe80::1%eth0]:1", "@", ""} {
		request(server, remote, v1alpha1.ModulePath+info.SHA256, false)
	}
	want := map[string]string{"10.0.0.1": "served", "10.0.0.2": "served", "fd00::1": "served", "fe80::1": "served"}
	if diff := cmp.Diff(want, states(t, server.Accesses(info.SHA256))); diff != "" {
		t.Errorf("accesses (-want +got):\n%s", diff)
	}
}

// Modules that are not here are not noted, whatever the filler says of them.
func TestAccessesOfModulesThatAreHereAlone(t *testing.T) {
	for _, err := range []error{failure.Terminalf(v1alpha1.ReasonNotFound, "nothing names it"), failure.Transientf(v1alpha1.ReasonUnavailable, "not yet")} {
		server := serve.New(serve.Options{Store: newStore(t), Filler: refusing{err}})
		sha256 := hashOf([]byte("missing"))
		request(server, "10.0.0.1:1", v1alpha1.ModulePath+sha256, false)
		if got := server.Accesses(sha256); len(got) != 0 {
			t.Errorf("after %v: %v", err, got)
		}
	}
}

type refusing struct{ err error }

func (r refusing) Fill(context.Context, string) error { return r.err }

func TestAccessesForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t)
		info := put(t, s, wasmtest.Module())
		server := serve.New(serve.Options{Store: s})
		path := v1alpha1.ModulePath + info.SHA256
		began := time.Now()
		request(server, "10.0.0.1:1", path, false)
		request(server, "10.0.0.2:1", path, false)
		time.Sleep(23 * time.Hour)
		request(server, "10.0.0.1:1", path, false)
		time.Sleep(time.Hour - time.Nanosecond)
		again := began.Add(23 * time.Hour)
		want := map[string]peer.Access{"10.0.0.1": {RequestedAt: again, ServedAt: again}, "10.0.0.2": {RequestedAt: began, ServedAt: began}}
		if diff := cmp.Diff(want, server.Accesses(info.SHA256)); diff != "" {
			t.Errorf("after almost a day (-want +got):\n%s", diff)
		}
		time.Sleep(time.Nanosecond)
		delete(want, "10.0.0.2")
		if diff := cmp.Diff(want, server.Accesses(info.SHA256)); diff != "" {
			t.Errorf("after a day (-want +got):\n%s", diff)
		}
	})
}

// The oldest make room.
func TestAccessesAreBounded(t *testing.T) {
	s := newStore(t)
	first, second := put(t, s, wasmtest.Module(wasmtest.Salt("1"))), put(t, s, wasmtest.Module(wasmtest.Salt("2")))
	server := serve.New(serve.Options{Store: s})
	const most, more = 20_000, 10
	request(server, "10.9.9.9:1", v1alpha1.ModulePath+first.SHA256, false)
	for i := range most - 1 {
		request(server, address(i), v1alpha1.ModulePath+second.SHA256, false)
	}
	request(server, "10.9.9.9:1", v1alpha1.ModulePath+first.SHA256, false) // no longer the oldest
	for i := range more {
		request(server, address(most+i), v1alpha1.ModulePath+second.SHA256, false)
	}
	got := server.Accesses(second.SHA256)
	_, oldest := got["10.0.0.9"]
	_, next := got["10.0.0.10"]
	if len(server.Accesses(first.SHA256)) != 1 || len(got) != most-1 || oldest || !next {
		t.Errorf("%d and %d are kept, the oldest %v, the next %v", len(server.Accesses(first.SHA256)), len(got), oldest, next)
	}
}

func address(i int) string { return fmt.Sprintf("10.0.%d.%d:1", i>>8, i&0xff) }

func TestAccessesAreForOtherReplicasAlone(t *testing.T) {
	s := newStore(t)
	info := put(t, s, wasmtest.Module())
	server := serve.New(serve.Options{Store: s})
	request(server, "10.0.0.1:1", v1alpha1.ModulePath+info.SHA256, false)
	path := v1alpha1.ModulePath + info.SHA256 + peer.AccessesSuffix
	if w := request(server, "10.0.0.1:1", path, false); w.Code != http.StatusBadRequest {
		t.Errorf("to a client: %d %s", w.Code, w.Body)
	}
	if w := request(server, "10.0.0.1:1", v1alpha1.ModulePath+"x"+peer.AccessesSuffix, true); w.Code != http.StatusBadRequest {
		t.Errorf("of no module: %d %s", w.Code, w.Body)
	}
	w := request(server, "10.0.0.2:1", path, true)
	var got map[string]peer.Access
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if diff := cmp.Diff(map[string]string{"10.0.0.1": "served"}, states(t, got)); diff != "" {
		t.Errorf("accesses (-want +got):\n%s", diff)
	}
	unknown := request(server, "10.0.0.2:1", v1alpha1.ModulePath+hashOf(nil)+peer.AccessesSuffix, true)
	if unknown.Body.String() != "{}" {
		t.Errorf("of a module that no client asked for: %s", unknown.Body)
	}
}

// For the race detector.
func TestAccessesConcurrently(t *testing.T) {
	s := newStore(t)
	info := put(t, s, wasmtest.Module())
	server := serve.New(serve.Options{Store: s})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				request(server, address(i*25+j), v1alpha1.ModulePath+info.SHA256, false)
				server.Accesses(info.SHA256)["10.0.0.1"] = peer.Access{} // it is a copy
			}
		})
	}
	all.Wait()
	if got := len(server.Accesses(info.SHA256)); got != 7*25+50 {
		t.Errorf("%d clients", got)
	}
}
