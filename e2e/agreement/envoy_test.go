// SPDX-License-Identifier: Apache-2.0

package agreement

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/env"
	"github.com/autowasm/autowasm/internal/buffertest"
	"github.com/autowasm/autowasm/internal/envoy"
)

type object = map[string]any

// proxy is an Envoy with a listener for each configuration of the filter.
type proxy struct {
	addresses map[string]string // by the name of the plugin
	log       *buffertest.Buffer
	pid       int
	seen      int // of the log, in bytes, when the last request was sent
}

// plugin is a filter as it is configured. One without a file is none.
type plugin struct{ file, rootID, configuration string }

// startEnvoy runs the newest Envoy with the plugins, by their names, before the cluster upstream.
func startEnvoy(t testing.TB, plugins map[string]plugin, clusters ...object) *proxy {
	t.Helper()
	b, err := build.NewBuilder("", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := envoy.Pinned(t.Context(), b.Downloads(), envoy.Newest)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addresses: freeAddresses(t, slices.Collect(maps.Keys(plugins))), log: &buffertest.Buffer{}}
	var listeners []object
	for name, plugin := range plugins {
		listeners = append(listeners, listener(name, p.addresses[name], plugin))
	}
	config, err := json.Marshal(object{"static_resources": object{"listeners": listeners, "clusters": clusters}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "envoy.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, exec.CommandContext(t.Context(), binary, "-c", file, "--disable-hot-restart", "--concurrency", "1", "--log-format", "%v",
		"--log-level", "error", "--component-log-level", "wasm:warn"))
	return p
}

func (p *proxy) run(t testing.TB, command *exec.Cmd) {
	t.Helper()
	command.Stdout, command.Stderr = p.log, p.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	p.pid = command.Process.Pid
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for name, address := range p.addresses {
		if err := waitFor(address); err != nil {
			t.Fatalf("listener %s: %v\n%s", name, err, p.log)
		}
	}
}

func waitFor(address string) (err error) {
	for range 600 {
		var connection net.Conn
		if connection, err = net.Dial("tcp", address); err == nil {
			return connection.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// otherRoute is the value of the header x-route that chooses a route of its own, which adds it to the response as routed.
const otherRoute = "other"

func listener(name, address string, p plugin) object {
	wasm := object{"@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": object{
		"name": name, "root_id": p.rootID, "configuration": object{"@type": "type.googleapis.com/google.protobuf.StringValue", "value": p.configuration},
		"vm_config": object{"vm_id": "vm", "runtime": "envoy.wasm.runtime.v8", "code": object{"local": object{"filename": p.file}}},
	}}
	router := object{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
	filters := []object{{"name": "wasm", "typed_config": wasm}, {"name": "router", "typed_config": router}}
	if p.file == "" {
		filters = filters[1:]
	}
	route := object{"cluster": "upstream"}
	other := object{"match": object{"prefix": "/", "headers": []object{{"name": "x-route", "string_match": object{"exact": otherRoute}}}}, "route": route,
		"response_headers_to_add": []object{{"header": object{"key": "routed", "value": otherRoute}}}}
	manager := object{
		"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": name,
		"http_protocol_options": object{"enable_trailers": true},
		"http_filters":          filters,
		"route_config": object{"virtual_hosts": []object{{"name": "all", "domains": []string{"*"},
			"routes": []object{other, {"match": object{"prefix": "/"}, "route": route}}}}},
	}
	return object{"name": name, "address": socket(address), "filter_chains": []object{{"filters": []object{{"name": "http", "typed_config": manager}}}}}
}

// cluster is one of an HTTP server, with the options of its protocol.
func cluster(name string, server *httptest.Server, protocol object) object {
	options := object{"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": protocol}
	return object{"name": name, "type": "STATIC", "load_assignment": object{"cluster_name": name,
		"endpoints": []object{{"lb_endpoints": []object{{"endpoint": object{"address": socket(server.Listener.Addr().String())}}}}}},
		"typed_extension_protocol_options": object{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}}
}

func socket(address string) object {
	ip, port, _ := net.SplitHostPort(address)
	return object{"socket_address": object{"address": ip, "port_value": json.Number(port)}}
}

// freeAddresses returns addresses that nothing listens on, all of which are held until there are enough: the same port may be free
// twice.
func freeAddresses(t testing.TB, names []string) map[string]string {
	t.Helper()
	addresses := map[string]string{}
	for _, name := range names {
		l, err := env.ListenFree()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		addresses[name] = l.Addr().String()
	}
	return addresses
}

// send sends a request and returns the answer, as its status, the headers that filters and routes add and its body.
func (p *proxy) send(t *testing.T, name string, r request) string {
	t.Helper()
	outgoing, err := http.NewRequestWithContext(t.Context(), r.method, "http://"+p.addresses[name]+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	outgoing.Host = "a.example"
	if r.trailers {
		outgoing.ContentLength, outgoing.Trailer = -1, http.Header{"X-Trailer": {"1"}}
	}
	for _, h := range r.headers {
		outgoing.Header.Add(h[0], h[1])
	}
	p.seen = len(p.log.String())
	answer, err := http.DefaultClient.Do(outgoing)
	if err != nil {
		return "no answer"
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "an answer that was cut off"
	}
	code := []string{strconv.Itoa(answer.StatusCode)}
	return fmt.Sprintf("%s %s %q, trailers %s", code, shownHeaders(answer.Header), body, shownTrailers(answer.Trailer.Values))
}

// checkHello sends a request, whose answer has to have a header of the filter.
func (p *proxy) checkHello(t *testing.T, name, want string) {
	t.Helper()
	answer, err := http.Get("http://" + p.addresses[name])
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got := answer.Header.Get("hello"); answer.StatusCode != http.StatusOK || got != want {
		t.Errorf("%s with hello %q, want %q\n%s", answer.Status, got, want, p.log)
	}
}

// logLine is a line of the probe. What it logs in a call for its root context has no name of a plugin.
var logLine = regexp.MustCompile(`^wasm log(?: (\S+))??(?: root vm|): probe (.*)$`)

// lastProperty is in the last line that the filter logs of a step.
const lastProperty = "request.duration"

// lines waits until the filter of a name has logged the end of a stream, and returns what it logged.
func (p *proxy) lines(t *testing.T, name string) []string {
	t.Helper()
	var lines []string
	for range 100 {
		lines = nil
		for line := range strings.Lines(p.log.String()[p.seen:]) {
			if m := logLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil && (m[1] == name || m[1] == "") {
				lines = append(lines, m[2])
			}
		}
		if _, end, ok := strings.Cut(strings.Join(lines, "\n"), "log 0 true"); ok && strings.Contains(end, lastProperty) {
			return lines
		}
		time.Sleep(50 * time.Millisecond)
	}
	return lines
}
