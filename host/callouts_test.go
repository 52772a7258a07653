// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/autowasm/autowasm/fetch/module/wasmtest"
)

// callHeaders are those of a call-out that Envoy takes.
var callHeaders = string(encodePairs([][2]string{{":method", "POST"}, {":path", "/p"}, {"host", "h"}}))

func TestHTTPCall(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{Proxy: Proxy{HasCluster: func(name string) bool { return name == "known" }}})
	g.stream(g.plugin(PluginConfig{}), StreamConfig{})
	call := func(cluster, headers string, timeout int) Status {
		return g.call("proxy_http_call", cluster, headers, "body", string(encodePairs([][2]string{{"t", "1"}})), timeout, result(0))
	}
	g.want("a call", call("known", callHeaders, 1500), StatusOK)
	g.want("to no cluster", call("none", callHeaders, 1500), StatusBadArgument)
	g.want("without :path", call("known", string(encodePairs([][2]string{{":method", "GET"}, {"host", "h"}})), 0), StatusBadArgument)
	g.want("with a negative timeout", call("known", callHeaders, -1), StatusBadArgument)
	want := []*Callout{{Kind: HTTPCall, Token: 4, Cluster: "known", Body: []byte("body"), Trailers: Headers{{"t", "1"}}, Timeout: 1500 * time.Millisecond,
		Headers: Headers{{":method", "POST"}, {":path", "/p"}, {":authority", "h"}, {"content-length", "4"}}}}
	if diff := cmp.Diff(want, g.vm.Callouts(), cmpopts.IgnoreUnexported(Callout{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Unmodelled{{UseCallout, "known"}}, g.vm.Unmodelled()); diff != "" {
		t.Error(diff)
	}
	c := g.vm.Callouts()[0]
	if err := c.Answer(t.Context(), CalloutResponse{}); err != nil || len(g.vm.Callouts()) != 0 || g.vm.held != 0 {
		t.Errorf("Answer = %v; %d wait, %d bytes are held", err, len(g.vm.Callouts()), g.vm.held)
	}
	if err := c.Fail(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("a second answer: %v", err)
	}
}

// What the filter reads of an answer while it handles it, and that it reads nothing later.
func TestAnswerOfACall(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	g.plugin(PluginConfig{})
	headers, body := Headers{{":status", "204"}}, []byte("answer")
	g.vm.calls.headers, g.vm.calls.trailers, g.vm.calls.body = &headers, &Headers{{"t", "1"}}, &body
	for of, want := range map[int]string{mapCallHeaders: string(encodePairs(headers)), mapCallTrailers: string(encodePairs([][2]string{{"t", "1"}}))} {
		if got := g.get("proxy_get_header_map_pairs", of); got != want {
			t.Errorf("map %d = %q, want %q", of, got, want)
		}
	}
	if got := g.get("proxy_get_buffer_bytes", bufferCallBody, 0, 100); got != "answer" {
		t.Errorf("body = %q", got)
	}
	g.vm.calls.clear()
	if got := g.get("proxy_get_buffer_bytes", bufferCallBody, 0, 100); got != "1" {
		t.Errorf("body later = %q", got)
	}
	g.want("a change", g.call("proxy_add_header_map_value", mapCallHeaders, "a", "b"), StatusBadArgument)
}

// A filter that waits for an answer, and then resumes the request.
func TestACallResumesARequest(t *testing.T) {
	resume := join(callOf(fnEffective, 2), drop, callOf(fnContinue, streamRequest), drop)
	for name, end := range map[string]func(*guest, *Callout) error{
		"answer": func(g *guest, c *Callout) error { return c.Answer(g.Context(), CalloutResponse{Headers: ok}) },
		"fail":   func(g *guest, c *Callout) error { return c.Fail(g.Context()) },
	} {
		g := newGuest(t, filter(onHeaders("request", i32(1)), wasmtest.Function("proxy_on_http_call_response", "iiiii:", resume...)), VMConfig{})
		p := g.plugin(PluginConfig{})
		s := g.stream(p, StreamConfig{})
		if err := s.RequestHeaders(t.Context(), get, true); err != nil {
			t.Fatal(err)
		}
		g.vm.current = s.scope
		g.vm.open(&Callout{Kind: HTTPCall})
		if err := end(g, g.vm.Callouts()[0]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(passed{Request: "!", Response: "-"}, s.passed()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestGRPC(t *testing.T) {
	g := newGuest(t, relay("0.2.1"), VMConfig{})
	g.plugin(PluginConfig{})
	metadata := string(encodePairs([][2]string{{"m", "1"}}))
	g.want("call", g.call("proxy_grpc_call", "cluster", "service", "method", metadata, "message", 100, result(0)), StatusOK)
	g.want("stream", g.call("proxy_grpc_stream", "cluster", "service", "method", metadata, result(1)), StatusOK)
	call, stream := int(g.number(0)), int(g.number(1))
	g.want("send", g.call("proxy_grpc_send", stream, "a", 0), StatusOK)
	g.want("send the last", g.call("proxy_grpc_send", stream, "b", 1), StatusOK)
	g.want("send to a call", g.call("proxy_grpc_send", call, "a", 0), StatusBadArgument)
	g.want("send to none", g.call("proxy_grpc_send", stream+4, "a", 0), StatusNotFound)
	g.want("cancel none", g.call("proxy_grpc_cancel", call+4), StatusNotFound)
	g.want("close what is no call", g.call("proxy_grpc_close", 4), StatusBadArgument)
	want := []*Callout{
		{Kind: GRPCCall, Token: 5, Cluster: "cluster", Service: "service", Method: "method", Headers: Headers{{"m", "1"}},
			Body: []byte("message"), Timeout: 100 * time.Millisecond},
		{Kind: GRPCStream, Token: 6, Cluster: "cluster", Service: "service", Method: "method", Headers: Headers{{"m", "1"}},
			Sent: [][]byte{[]byte("a"), []byte("b")}, Closed: true},
	}
	if diff := cmp.Diff(want, g.vm.Callouts(), cmpopts.IgnoreUnexported(Callout{}), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	all := g.vm.Callouts()
	if err := errors.Join(all[0].Receive(t.Context(), []byte("x")), all[1].ReceiveInitialMetadata(t.Context(), ok), all[1].Receive(t.Context(), []byte("y")),
		all[1].ReceiveTrailingMetadata(t.Context(), ok), all[1].Close(t.Context(), 3, "bad")); err != nil {
		t.Fatal(err)
	}
	if len(g.vm.Callouts()) != 0 || g.vm.held != 0 {
		t.Errorf("%d wait, %d bytes are held", len(g.vm.Callouts()), g.vm.held)
	}
}

// A call-out of gRPC can still be ended in its last event, as in Envoy, and once only.
func TestEndInTheLastEvent(t *testing.T) {
	const closing, cancelling, token, first, second = 0, 1, 1, 8, 12
	store := func(address int32, function byte) []byte {
		return join(i32(address), []byte{0x20, token, 0x10, function, 0x36, 2, 0}) // i32.store of what it answers
	}
	ends := []wasmtest.Option{
		wasmtest.NoImports(), wasmtest.Import("env", "proxy_grpc_close", "i:i"), wasmtest.Import("env", "proxy_grpc_cancel", "i:i"),
		wasmtest.Function("proxy_on_grpc_receive", "iii:", join(store(first, cancelling), store(second, closing))...),
		wasmtest.Function("proxy_on_grpc_close", "iii:", join(store(first, closing), store(second, cancelling))...),
	}
	for name, tt := range map[string]struct {
		kind   CalloutKind
		closed bool
		event  func(context.Context, *Callout) error
	}{
		"the message of a call":            {GRPCCall, false, func(ctx context.Context, c *Callout) error { return c.Receive(ctx, []byte("x")) }},
		"the end of a call":                {GRPCCall, false, func(ctx context.Context, c *Callout) error { return c.Close(ctx, 5, "") }},
		"the end of a stream":              {GRPCStream, true, func(ctx context.Context, c *Callout) error { return c.Close(ctx, 0, "") }},
		"the end of a stream on its side":  {GRPCStream, false, func(ctx context.Context, c *Callout) error { return c.Close(ctx, 0, "") }},
		"a message of a stream, cancelled": {GRPCStream, false, func(ctx context.Context, c *Callout) error { return c.Receive(ctx, []byte("x")) }},
	} {
		g := newGuest(t, wasmtest.Module(ends...), VMConfig{})
		g.vm.current = g.plugin(PluginConfig{}).scope
		c := &Callout{Kind: tt.kind, Closed: tt.closed}
		g.vm.open(c)
		if err := tt.event(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		one, _ := g.vm.memory.ReadUint32Le(first)
		two, _ := g.vm.memory.ReadUint32Le(second)
		if Status(one) != StatusOK || Status(two) != StatusNotFound || len(g.vm.Callouts()) != 0 || g.vm.held != 0 {
			t.Errorf("%s: %d, then %d; %d wait, %d bytes are held", name, one, two, len(g.vm.Callouts()), g.vm.held)
		}
	}
}
