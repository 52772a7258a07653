// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMetrics(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	define := func(kind MetricType, name string) int {
		g.want("define", g.call("proxy_define_metric", int(kind), name, result(0)), StatusOK)
		return int(g.number(0))
	}
	counter, gauge, histogram := define(Counter, "c"), define(Gauge, "g"), define(Histogram, "h")
	if again := define(Counter, "c"); again == counter {
		t.Error("a second definition has the same id")
	}
	g.want("an unknown kind", g.call("proxy_define_metric", 3, "x", result(0)), StatusBadArgument)
	for _, tt := range []struct {
		function string
		id, by   int
		want     Status
	}{
		{"increment", counter, 2, StatusOK}, {"increment", counter, 0, StatusBadArgument}, {"increment", counter, -1, StatusBadArgument},
		{"record", counter, 3, StatusOK}, {"record", gauge, 10, StatusOK}, {"increment", gauge, -4, StatusOK},
		{"increment", histogram, 1, StatusBadArgument}, {"record", histogram, 7, StatusOK},
		{"increment", 400, 1, StatusNotFound}, {"record", 400, 1, StatusNotFound}, {"increment", 3, 1, StatusBadArgument},
	} {
		g.want(tt.function, g.call("proxy_"+tt.function+"_metric", tt.id, tt.by), tt.want)
	}
	define(Gauge, "c")
	g.want("increment", g.call("proxy_increment_metric", define(Counter, "c.."), 10), StatusOK)
	g.want("increment", g.call("proxy_increment_metric", define(Counter, ".c"), 10), StatusOK)
	want := []Metric{{"c", Counter, 15, 0}, {"g", Gauge, 6, 1}, {"h", Histogram, 7, 1}, {"c", Gauge, 0, 0}, {".c", Counter, 10, 0}}
	if diff := cmp.Diff(want, g.vm.Metrics()); diff != "" {
		t.Error(diff)
	}
	g.want("get", g.call("proxy_get_metric", gauge, result(0)), StatusOK)
	if got := g.number64(0); got != 6 {
		t.Errorf("gauge = %d", got)
	}
	g.want("get a histogram", g.call("proxy_get_metric", histogram, result(0)), StatusBadArgument)
}

func TestSharedData(t *testing.T) {
	shared := NewShared()
	g := newGuest(t, relay("0.2.1"), VMConfig{ID: "vm", Proxy: Proxy{Shared: shared}})
	read := func() (string, int) {
		if status := g.call("proxy_get_shared_data", "key", result(0), result(1), result(2)); status != StatusOK {
			return "", -int(status)
		}
		return g.bytes(0), int(g.number(2))
	}
	if value, cas := read(); value != "" || cas != -int(StatusNotFound) {
		t.Errorf("at first: %q, %d", value, cas)
	}
	if diff := cmp.Diff([]Unmodelled{{UseSharedData, "key"}}, g.vm.Unmodelled()); diff != "" {
		t.Errorf("another filter may set it: %s", diff)
	}
	g.want("the first", g.call("proxy_set_shared_data", "key", "a", 77), StatusOK)
	_, cas := read()
	g.want("with the version", g.call("proxy_set_shared_data", "key", "b", cas), StatusOK)
	g.want("with the former version", g.call("proxy_set_shared_data", "key", "c", cas), StatusCasMismatch)
	g.want("with none", g.call("proxy_set_shared_data", "key", "d", 0), StatusOK)
	if value, ok := shared.Get("vm", "key"); string(value) != "d" || !ok {
		t.Errorf("Get = %q, %t", value, ok)
	}
	if _, ok := shared.Get("other", "key"); ok {
		t.Error("a VM of another id has it")
	}
}

func TestQueues(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{ID: "vm"})
	g.plugin(PluginConfig{})
	g.want("resolve what is not there", g.call("proxy_resolve_shared_queue", "", "q", result(0)), StatusNotFound)
	g.want("register", g.call("proxy_register_shared_queue", "q", result(0)), StatusOK)
	token := int(g.number(0))
	g.want("resolve", g.call("proxy_resolve_shared_queue", "vm", "q", result(1)), StatusOK)
	if got := int(g.number(1)); got != token {
		t.Errorf("resolved %d, want %d", got, token)
	}
	g.want("dequeue nothing", g.call("proxy_dequeue_shared_queue", token, result(0), result(1)), StatusEmpty)
	g.want("enqueue", g.call("proxy_enqueue_shared_queue", token, "a"), StatusOK)
	g.want("enqueue", g.call("proxy_enqueue_shared_queue", token, "b"), StatusOK)
	if a, b := g.get("proxy_dequeue_shared_queue", token), g.get("proxy_dequeue_shared_queue", token); a+b != "ab" {
		t.Errorf("dequeued %q, %q", a, b)
	}
	g.want("enqueue to none", g.call("proxy_enqueue_shared_queue", 9, "a"), StatusNotFound)
	g.want("dequeue from none", g.call("proxy_dequeue_shared_queue", 8, result(0), result(1)), StatusNotFound)
	want := []Unmodelled{{UseSharedQueue, "q"}, {UseSharedQueue, "9"}, {UseSharedQueue, "8"}}
	if diff := cmp.Diff(want, g.vm.Unmodelled()); diff != "" {
		t.Errorf("another filter may register them: %s", diff)
	}
}

func TestProperties(t *testing.T) {
	number := func(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }
	noPairs := string(encodePairs(nil))
	at := time.Unix(5, 6)
	g := newGuest(t, relay("0.2.1"), VMConfig{ID: "the-vm", Proxy: Proxy{Now: func() time.Time { return at }, Attributes: Attributes{
		"xds":  Attributes{"node": map[string]any{"id": "n"}, "listener_direction": int64(1)},
		"list": []any{"a", int64(1)}, "float": 0.5, "yes": true, "span": time.Second,
	}}})
	p := g.plugin(PluginConfig{Name: "name", RootID: "root"})
	s := g.stream(p, StreamConfig{Attributes: Attributes{"source": Attributes{"address": "10.0.0.1:80"}}, Protocol: "HTTP/2"})
	s.request.headers = Headers{{":method", "GET"}, {":path", "/a?b=c#d"}, {":authority", "h"}, {"x", "1"}, {"x", "2"}, {"content-length", "12"}}
	s.request.hasHeaders, s.request.seesHeaders = true, true
	g.want("set", g.call("proxy_set_property", "mine", "value"), StatusOK)
	g.want("set two parts", g.call("proxy_set_property", "a\x00b", "value"), StatusOK)
	for path, want := range map[string]string{
		"plugin_name": "name", "plugin_root_id": "root", "plugin_vm_id": "the-vm",
		"xds\x00node\x00id": "n", "xds\x00listener_direction": number(1), "list\x001": number(1), "list\x002": "1",
		"float": number(math.Float64bits(0.5)), "yes": "\x01", "span": number(1e9),
		"source\x00address": "10.0.0.1:80", "request\x00protocol": "HTTP/2", "request\x00time": number(5_000_000_006),
		"request\x00path": "/a?b=c#d", "request\x00url_path": "/a", "request\x00query": "b=c", "request\x00method": "GET",
		"request\x00host": "h", "request\x00headers\x00x": "1,2", "request\x00size": number(12), "request\x00useragent": "1",
		"request\x00method\x00": "GET", "response\x00code": "1", "mine": "value", "filter_state\x00wasm.mine": "value", "a\x00b": "1",
		"request\x00headers\x00host": "h", "request\x00headers\x00X": "1,2", "response\x00headers": noPairs, "response\x00trailers": noPairs,
		"response\x00headers\x00x": "1", "request\x00headers\x00x\x00y": "1",
		"request": "3", "request\x00": "3", "response": "3", "connection": "3", "source": "3", "destination": "3", "upstream": "3", "filter_state": "3",
		"xds": "3", "": "3", "nothing": "1", "\x00": "1",
	} {
		if got := g.get("proxy_get_property", path); got != want {
			t.Errorf("%q = %q, want %q", path, got, want)
		}
	}
	s.request.seesHeaders = false
	if got := g.get("proxy_get_property", "request\x00path"); got != "1" {
		t.Errorf("the path of a request that has passed = %q", got)
	}
	if got := g.get("proxy_get_property", "request\x00headers"); got != noPairs {
		t.Errorf("the headers of a request that has passed = %q", got)
	}
	g.scope = p.scope
	if got := g.get("proxy_get_property", "request") + g.get("proxy_get_property", "xds") + g.get("proxy_get_property", ""); got != "133" {
		t.Errorf("without a stream, request, xds and no path = %q", got)
	}
	g.want("set without a stream", g.call("proxy_set_property", "mine", "value"), StatusNotFound)
}

// What a proxy may know and this host does not is remembered, also of a connection, which it supposes to be one without TLS; what
// a proxy does not have either is not.
func TestUnmodelledProperties(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	g.want("set", g.call("proxy_set_property", "mine", "value"), StatusOK)
	for _, path := range []string{"xds\x00cluster_name", "upstream\x00address", "request\x00path", "xds\x00cluster_name", "mine",
		"filter_state\x00wasm.mine", "connection\x00mtls"} {
		g.get("proxy_get_property", path)
	}
	want := []Unmodelled{{UseProperty, "xds.cluster_name"}, {UseProperty, "upstream.address"}, {UseProperty, "connection.mtls"}}
	if diff := cmp.Diff(want, g.vm.Unmodelled()); diff != "" {
		t.Error(diff)
	}
}

func TestWASI(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{Env: [][2]string{{"A", "1"}, {"LONG", "value"}}})
	g.want("environ_sizes_get", g.call("environ_sizes_get", result(0), result(1)), StatusOK)
	if g.number(0) != 2 || g.number(1) != 4+11 {
		t.Errorf("%d variables in %d bytes", g.number(0), g.number(1))
	}
	g.want("environ_get", g.call("environ_get", result(0), result(2)), StatusOK)
	if text, _ := g.vm.memory.Read(resultsAt+16, 15); string(text) != "A=1\x00LONG=value\x00" {
		t.Errorf("environment = %q", text)
	}
	iovecs := string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, argumentsAt+8), 6)) + "hello\n"
	g.vm.memory.WriteString(argumentsAt, iovecs)
	g.want("fd_write", g.call("fd_write", 1, argumentsAt, 1, result(0)), StatusOK)
	g.want("fd_write", g.call("fd_write", 2, argumentsAt, 1, result(0)), StatusOK)
	g.vm.memory.WriteUint32Le(argumentsAt+4, 3)
	g.want("fd_write of a part", g.call("fd_write", 2, argumentsAt, 1, result(0)), StatusOK)
	g.want("fd_write to another", g.call("fd_write", 3, argumentsAt, 1, result(0)), wasiBadFD)
	g.want("fd_write from outside", g.call("fd_write", 1, -8, 1, result(0)), wasiFault)
	lines := []Line{{Level: LevelInfo, Message: "hello"}, {Level: LevelError, Message: "hello"}, {Level: LevelError, Message: "hel", Partial: true}}
	if diff := cmp.Diff(lines, g.lines); diff != "" {
		t.Error(diff)
	}
	for function, want := range map[string]Status{
		"clock_time_get": StatusOK, "random_get": StatusOK, "poll_oneoff": StatusOK, "sched_yield": StatusOK, "path_open": wasiNoEntry,
		"fd_prestat_get": wasiBadFD, "fd_read": wasiNoSystem, "sock_accept": wasiUnsupported, "fd_readdir": wasiNoDirectory,
	} {
		args := map[string][]any{
			"clock_time_get": {1, 0, result(0)}, "random_get": {result(0), 8}, "poll_oneoff": {0, 0, 1, result(0)}, "sched_yield": {},
			"path_open": {3, 0, 0, 0, 0, 0, 0, 0, 0}, "fd_prestat_get": {3, 0}, "fd_read": {0, 0, 0, 0}, "sock_accept": {0, 0, result(0)},
			"fd_readdir": {3, 0, 0, 0, result(0)},
		}
		g.want(function, g.call(function, args[function]...), want)
	}
	g.want("too many random bytes", g.call("random_get", result(0), maxRandom+1), wasiInvalid)
	g.want("an unknown clock", g.call("clock_time_get", 2, 0, result(0)), wasiUnsupported)
}
