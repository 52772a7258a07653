// SPDX-License-Identifier: Apache-2.0

package agreement

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/host"
)

type request struct {
	method, path, body string
	headers            [][2]string
	trailers           bool // both messages have some
}

var (
	plain = request{method: "GET", path: "/a?b=c", headers: [][2]string{{"x-multi", "1"}, {"x-multi", "2"}, {"x-one", "1"}, {"x-gone", "1"}, {"user-agent", "first"}}}
	post  = request{method: "POST", path: "/p", body: "body", headers: [][2]string{{"x-multi", "1"}, {"user-agent", "first"}}}
	tail  = request{method: "POST", path: "/p", body: "body", headers: [][2]string{{"x-multi", "1"}, {"user-agent", "first"}}, trailers: true}
	head  = request{method: "HEAD", path: "/", headers: [][2]string{{"x-multi", "1"}, {"user-agent", "first"}}}
)

// agreementCase is a configuration of the filter, and the request that it gets.
type agreementCase struct {
	configuration string
	request       request
}

// cases are what the filter does, by the name of its plugin. What it does, it does at a step: <step>=<what>.
var cases = map[string]agreementCase{
	"nothing":            {"", plain},
	"body":               {"", post},
	"headers":            {"request-headers=headers", plain},
	"pause":              {"tick request-headers=pause", plain},
	"pause-body":         {"tick request-headers=pause", post},
	"pause-at-body":      {"tick request-body=pause", post},
	"buffer":             {"request-body=buffer", post},
	"prepend":            {"request-headers=unsized request-body=prepend", post},
	"append":             {"request-headers=unsized request-body=append", post},
	"replace":            {"request-headers=unsized request-body=replace", post},
	"part":               {"request-headers=unsized request-body=part", post},
	"rewrite":            {"response-headers=unsized response-body=rewrite", plain},
	"buffer-response":    {"response-body=buffer", plain},
	"local":              {"request-headers=local", plain},
	"local-pause":        {"request-headers=local request-headers=pause", post},
	"local-empty":        {"request-headers=empty", plain},
	"local-body":         {"request-body=local", post},
	"local-response":     {"response-headers=local", plain},
	"local-response-end": {"response-body=local", plain},
	"head":               {"", head},
	"head-local":         {"request-headers=local", head},

	"pause-response":         {"tick response-headers=pause", plain},
	"pause-response-body":    {"tick response-body=pause", plain},
	"pause-response-rewrite": {"tick response-headers=unsized response-headers=pause response-body=rewrite", plain},
	"pause-both":             {"tick request-headers=pause response-headers=pause", post},

	"trailers":                {"", tail},
	"trailers-pause":          {"tick request-trailers=pause", tail},
	"trailers-pause-headers":  {"tick request-headers=pause", tail},
	"trailers-pause-body":     {"request-body=pause", tail}, // its trailers resume it
	"trailers-pause-response": {"tick response-trailers=pause", tail},
	"trailers-buffer":         {"request-body=buffer response-body=buffer", tail},
	"trailers-change":         {"request-trailers=trailers response-trailers=trailers", tail},
	"trailers-new":            {"request-headers=unsized request-body=trailers response-headers=unsized response-body=trailers", post},
	"trailers-local":          {"request-trailers=local", tail},
	"trailers-local-response": {"response-trailers=local", tail},

	"http":           {"request-headers=http:upstream", plain},
	"http-trailers":  {"request-trailers=http:upstream", tail},
	"http-response":  {"response-headers=http:upstream", plain},
	"grpc":           {"request-headers=grpc:Say", plain},
	"grpc-body":      {"request-headers=grpc:Say", post},
	"grpc-response":  {"response-headers=grpc:Say", plain},
	"grpc-refused":   {"request-headers=grpc:Refused", plain},
	"grpc-late":      {"request-headers=grpc:Late", plain},
	"grpc-cancelled": {"request-headers=cancel", plain},
	"stream":         {"request-headers=stream:Say", plain},
	"stream-refused": {"request-headers=stream:Refused", plain},
	"stream-late":    {"request-headers=stream:Late", plain},
	"nowhere":        {"request-headers=nowhere", plain},

	"grpc-end":         {"end request-headers=grpc:Say", plain},
	"grpc-end-refused": {"end request-headers=grpc:Refused", plain},
	"stream-end":       {"end request-headers=stream:Say", plain},
	"stream-end-late":  {"end request-headers=stream:Late", plain},

	"route":      {"request-headers=route", plain},
	"route-body": {"request-body=route", post}, // the headers have passed
	"count":      {"request-headers=count", plain},
}

// TestAgreement has each case run by Envoy and by the host. What the filter logged, what reached the upstream and what the
// client got have to be the same.
func TestAgreement(t *testing.T) {
	t.Parallel()
	filter := buildFilter(t, filepath.Join("e2e", "probe"))
	reached := &received{}
	upstream := httptest.NewServer(reached)
	t.Cleanup(upstream.Close)
	plugins := map[string]plugin{}
	all := maps.Clone(cases)
	maps.Copy(all, messages)
	for name, c := range all {
		plugins[name] = plugin{filter, "root", c.configuration}
	}
	for name, c := range inCPP {
		plugins[name] = plugin{filepath.Join(checkout(t), "host", "testdata", "cpp", c.file), c.rootID, "configured"}
	}
	p := startEnvoy(t, plugins, cluster("upstream", upstream, object{"http_protocol_options": object{"enable_trailers": true}}),
		cluster("grpc", startGRPC(t), object{"http2_protocol_options": object{}}))
	m := compile(t, filter)
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			reached.forget()
			answer := p.send(t, name, c.request)
			want := append(p.lines(t, name), "the client got "+answer, "the upstream got "+reached.String())
			if diff := cmp.Diff(want, inHost(t, m, name, c.configuration, c.request)); diff != "" {
				t.Errorf("Envoy (-) and the host (+) differ:\n%s", diff)
			}
		})
	}
	for name, c := range inCPP {
		t.Run(name, func(t *testing.T) { p.checkHello(t, name, c.want) })
	}
}

// compile compiles a filter for the host, until the end of the test.
func compile(t testing.TB, file string) *host.Module {
	t.Helper()
	wasm, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := host.Compile(t.Context(), wasm, host.Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.WithoutCancel(t.Context())) })
	return m
}

// inCPP are filters in C++, and what Envoy's answers have as the header hello: what tests of the host expect of it.
var inCPP = map[string]struct{ file, rootID, want string }{
	"cpp-wasi":       {"wasi.wasm", "hello", "configured"},
	"cpp-emscripten": {"emscripten.wasm", "hello", "configured"},
	"cpp-another":    {"emscripten.wasm", "another", ""},
}

// inHost runs a case in the host.
func inHost(t *testing.T, m *host.Module, name, configuration string, r request) []string {
	t.Helper()
	var lines []string
	log := func(l host.Line) {
		if line, ok := strings.CutPrefix(l.Message, "probe "); ok {
			lines = append(lines, line)
		}
	}
	vm, err := m.Start(t.Context(), host.VMConfig{ID: "vm", Proxy: host.Proxy{Log: log, HasCluster: func(name string) bool { return name != "nowhere" }}})
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := vm.Plugin(t.Context(), host.PluginConfig{Name: name, RootID: "root", Configuration: []byte(configuration)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := plugin.Stream(t.Context(), host.StreamConfig{})
	if err != nil {
		t.Fatal(err)
	}
	pass(t, vm, plugin, s, r)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return append(lines, "the client got "+clientOf(s), "the upstream got "+upstreamOf(s))
}

// pass is the client, the clock, the upstream and who is called, as they are with Envoy.
func pass(t *testing.T, vm *host.VM, plugin *host.Plugin, s *host.Stream, r request) {
	t.Helper()
	steps := []func(context.Context) error{
		func(ctx context.Context) error { return s.RequestHeaders(ctx, requestHeaders(r), r.body == "") },
	}
	if r.body != "" {
		steps = append(steps, func(ctx context.Context) error { return s.RequestBody(ctx, []byte(r.body), false) }, func(ctx context.Context) error {
			if r.trailers {
				return s.RequestTrailers(ctx, host.Headers{{"x-trailer", "1"}})
			}
			return s.RequestBody(ctx, nil, true)
		})
	}
	later := func(ctx context.Context) error { // what resumes a stream
		if plugin.TickPeriod() > 0 {
			return plugin.Tick(ctx)
		}
		return answerAll(ctx, vm)
	}
	steps = append(steps, later, func(ctx context.Context) error {
		if !s.Request().Complete {
			return nil
		}
		return respond(ctx, s, r)
	}, later)
	for i, step := range steps {
		if err := step(t.Context()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// respond is the upstream.
func respond(ctx context.Context, s *host.Stream, r request) error {
	headers := host.Headers{{":status", "200"}, {"content-type", "text/plain; charset=utf-8"}, {"content-length", "5"}}
	if r.trailers {
		headers = headers[:2]
	}
	if err := s.ResponseHeaders(ctx, headers, r.method == http.MethodHead); err != nil || r.method == http.MethodHead {
		return err
	}
	if err := s.ResponseBody(ctx, []byte("hello"), false); err != nil {
		return err
	}
	if r.trailers {
		return s.ResponseTrailers(ctx, host.Headers{{"x-trailer", "2"}})
	}
	return s.ResponseBody(ctx, nil, true)
}

func requestHeaders(r request) host.Headers {
	h := host.Headers{{":authority", "a.example"}, {":path", r.path}, {":method", r.method}, {":scheme", "http"}}
	for _, field := range r.headers {
		h.Add(field[0], field[1])
	}
	if r.body != "" && !r.trailers {
		h.Add("content-length", strconv.Itoa(len(r.body)))
	}
	return h
}

// clientOf is what the client gets of a stream.
func clientOf(s *host.Stream) string {
	if _, reset := s.Reset(); reset {
		return "an answer that was cut off"
	}
	headers := http.Header{}
	for _, field := range s.Response().Headers {
		headers.Add(field[0], field[1])
	}
	if to := routed(s); to != "" {
		headers.Set("routed", to)
	}
	code := headers[":status"]
	return fmt.Sprintf("%s %s %q, trailers %s", code, shownHeaders(headers), s.Response().Body, shownTrailers(s.Response().Trailers.Values))
}

// routed is the header that Envoy adds to responses of its other route.
func routed(s *host.Stream) string {
	if to, _ := s.Request().Headers.Get("x-route"); to == otherRoute && s.RouteCacheCleared() {
		return otherRoute
	}
	return ""
}

// added are headers that Envoy adds, or that are about a connection.
var added = []string{"Date", "Server", "X-Envoy-Upstream-Service-Time", "Trailer", "Transfer-Encoding", "Connection"}

// shownHeaders are those of an answer that do not differ between runs.
func shownHeaders(headers http.Header) string {
	shown := http.Header{}
	for name, values := range headers {
		empty := name == "Content-Length" && values[0] == "0" // which Envoy says of HTTP/1 alone
		if !slices.Contains(added, name) && !strings.HasPrefix(name, ":") && !empty {
			shown[name] = values
		}
	}
	return fmt.Sprintf("%q", map[string][]string(shown))
}

// shownTrailers are those that matter.
func shownTrailers(values func(string) []string) string {
	return fmt.Sprintf("%q %q", values("x-trailer"), values("x-added"))
}

// upstreamOf is what the upstream gets of a stream.
func upstreamOf(s *host.Stream) string {
	if !s.Request().Complete {
		return "nothing"
	}
	h := s.Request().Headers
	return shown(h.Values("x-multi"), h.Values("x-one"), h.Values("x-gone"), h.Values("user-agent"), string(s.Request().Body)) +
		", trailers " + shownTrailers(s.Request().Trailers.Values)
}

func shown(multi, one, gone, agent []string, body string) string {
	return fmt.Sprintf("x-multi %q, x-one %q, x-gone %q, user-agent %q, %q", multi, one, gone, agent, body)
}

// received is an upstream that remembers the last request.
type received struct {
	mu   sync.Mutex
	last string
}

func (u *received) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was reset
	}
	if r.URL.Path == "/called" {
		_, _ = io.WriteString(w, calledHTTP(r.Header.Values("X-One"), string(body)))
		return
	}
	h := r.Header
	u.mu.Lock()
	u.last = shown(h.Values("X-Multi"), h.Values("X-One"), h.Values("X-Gone"), h.Values("User-Agent"), string(body)) +
		", trailers " + shownTrailers(r.Trailer.Values)
	u.mu.Unlock()
	if len(r.Trailer["X-Trailer"]) > 0 {
		w.Header().Set("Trailer", "X-Trailer")
		defer w.Header().Set("X-Trailer", "2")
	}
	_, _ = io.WriteString(w, "hello")
}

func (u *received) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = "nothing"
}

func (u *received) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last
}

// buildFilter builds a filter in Go of the checkout.
func buildFilter(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "filter.wasm")
	command := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, ".")
	command.Dir = filepath.Join(checkout(t), dir)
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return path
}

// checkout is the root of the repository.
func checkout(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
