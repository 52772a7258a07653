// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/internal/status"
	"github.com/autowasm/autowasm/web/webtest"
)

// serve serves the page of a cluster on a real connection until the test ends, and returns its URL.
func serve(t *testing.T, c *webtest.Cluster) (string, *Server) {
	t.Helper()
	s := newServer(c)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String(), s
}

func newServer(c *webtest.Cluster) *Server { return newServerAt(c, "127.0.0.1:0") }

func newServerAt(c *webtest.Cluster, address string) *Server {
	return New(Options{
		Address: address, Reader: c, HasPods: func() bool { return true }, RootNamespace: "istio-system", Replica: "wasmer-0", Version: "v1",
	})
}

// get returns the body of a response, which has to have this code.
func get(t *testing.T, url string, code int) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != code {
		t.Fatalf("GET %s: %s, %v, want %d\n%s", url, response.Status, err, code, body)
	}
	return string(body)
}

// decode decodes JSON.
func decode[T any](t *testing.T, text string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %.200s", err, text)
	}
	return value
}

// shownRow is a row as a page reads it.
type shownRow struct {
	Namespace, Name, Revision string
	Level                     status.Level
	Ready                     status.Ready
}

type shownSnapshot struct {
	Version, Replica, Wasmer string
	Omitted                  int
	AutoWasms                []shownRow
}

type shownDelta struct {
	Changed []shownRow
	Removed []struct{ Namespace, Name string }
}

// names are those of rows with their levels.
func names(rows []shownRow) (all []string) {
	for _, r := range rows {
		all = append(all, r.Namespace+"/"+r.Name+" "+string(r.Level))
	}
	return all
}

// events is an open stream.
type events struct {
	t     *testing.T
	lines *bufio.Reader
	close func()
}

// event is one of a stream.
type event struct{ name, id, data string }

// follow opens a stream, which ends with the test at the latest.
func follow(t *testing.T, url, lastEventID string) *events {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	stop := func() { cancel(); response.Body.Close() }
	t.Cleanup(stop)
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("GET %s: %s, %q", url, response.Status, got)
	}
	return &events{t, bufio.NewReader(response.Body), stop}
}

// next waits for the next event.
func (e *events) next() (got event) {
	e.t.Helper()
	for {
		line, err := e.lines.ReadString('\n')
		if err != nil {
			e.t.Fatalf("the stream ends: %v", err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			got.name = value
		case "id":
			got.id = value
		case "data":
			got.data = value
		case "":
			if got.name != "" {
				return got
			}
		}
	}
}

// gunzip is what a response has.
func gunzip(t *testing.T, e *encoded) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(e.gzip))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asJSON is a value as JSON.
func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// containsAny reports whether a text has one of some words.
func containsAny(text string, words ...string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
