// SPDX-License-Identifier: Apache-2.0

package mesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/e2e/suite"
)

// A moduleServer is in wasmer's place: it counts what proxies ask, and goes away and comes back when a test says so.
type moduleServer struct {
	Service
	t       testing.TB
	address string
	server  *http.Server
	serve   sync.WaitGroup

	mu      sync.Mutex
	modules map[string][]byte // by their sha256
	saying  map[string][]byte // by the value of their header
	asked   []time.Time
	holds   bool // requests without an answer
}

// serveModules starts a module server of a name and returns when it is in the mesh.
func serveModules(t testing.TB, name string, says ...string) *moduleServer {
	t.Helper()
	s := &moduleServer{t: t, modules: map[string][]byte{}, saying: map[string][]byte{}}
	for _, value := range says {
		module := moduleSaying(t, value)
		s.saying[value], s.modules[suite.SHA256(module)] = module, module
	}
	listener, err := env.ListenFree()
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.serveAt(listener)
	t.Cleanup(s.goAway)
	_, port, err := splitAddress(s.address)
	if err != nil {
		t.Fatal(err)
	}
	if s.Service, err = mesh.Announce(t.Context(), name, port); err != nil {
		t.Fatal(err)
	}
	return s
}

// comeBack listens where it did.
func (s *moduleServer) comeBack() {
	s.t.Helper()
	var listener net.Listener
	suite.Eventually(s.t, func(context.Context) (err error) {
		listener, err = net.Listen("tcp4", s.address)
		return err
	})
	s.serveAt(listener)
}

func (s *moduleServer) serveAt(listener net.Listener) {
	server := &http.Server{Handler: s}
	s.server = server
	s.serve.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.t.Error(err)
		}
	})
}

// goAway closes its port: connections to it are refused.
func (s *moduleServer) goAway() {
	s.t.Helper()
	if err := s.server.Close(); err != nil {
		s.t.Error(err)
	}
	s.serve.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = false
}

// hold leaves requests without an answer until it goes away.
func (s *moduleServer) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = true
}

func (s *moduleServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	module, known, hold := s.lookUp(strings.TrimPrefix(r.URL.Path, "/wasm/"))
	switch {
	case hold:
		<-r.Context().Done()
	case known:
		w.Write(module)
	default:
		http.NotFound(w, r)
	}
}

// lookUp notes a request for a module.
func (s *moduleServer) lookUp(sha256 string) (module []byte, known, hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, time.Now())
	module, known = s.modules[sha256]
	return module, known, s.holds
}

// requests is how often it was asked.
func (s *moduleServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// longestPause is the longest time between two requests to it so far, and since the last.
func (s *moduleServer) longestPause() (longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, at := range s.asked {
		next := time.Now()
		if i+1 < len(s.asked) {
			next = s.asked[i+1]
		}
		longest = max(longest, next.Sub(at))
	}
	return longest
}

// waitForRequests waits until it was asked so often, and answered.
func (s *moduleServer) waitForRequests(n int) {
	s.t.Helper()
	suite.Eventually(s.t, func(context.Context) error {
		if got := s.requests(); got < n {
			return fmt.Errorf("the module server was asked %d times, want %d", got, n)
		}
		return nil
	})
}

// add serves one more module and returns it.
func (s *moduleServer) add(module []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.modules[suite.SHA256(module)] = module
	return module
}

// module is the one whose header has a value.
func (s *moduleServer) module(value string) []byte { return s.saying[value] }

// moduleSaying is a filter with five letters of its own for the value of its header: the example in Rust, which a proxy
// compiles in a moment.
func moduleSaying(t testing.TB, value string) []byte {
	t.Helper()
	return saying(t, filepath.Join(cluster.Checkout, "examples", "add-header-rust", "add-header.wasm"), "%", value)
}

// largeModuleSaying is the same of the example in Go: 3 MB, on whose compilation a proxy's main thread spends seconds.
func largeModuleSaying(t testing.TB, value string) []byte {
	t.Helper()
	return saying(t, cluster.Binaries().Filter, "hello%array", value)
}

// saying replaces the value in a module, of which the letters around it, with % for the value, tell where it is.
func saying(t testing.TB, path, around, value string) []byte {
	t.Helper()
	module, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const was = "world"
	old, changed := strings.Replace(around, "%", was, 1), strings.Replace(around, "%", value, 1)
	if bytes.Count(module, []byte(old)) != 1 || len(value) != len(was) {
		t.Fatalf("cannot make the example filter %s say %q", path, value)
	}
	return bytes.Replace(module, []byte(old), []byte(changed), 1)
}
