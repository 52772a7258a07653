// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// CalloutKind is the kind of a call-out.
type CalloutKind uint32

// The kinds of call-outs.
const (
	HTTPCall CalloutKind = iota
	GRPCCall
	GRPCStream
	calloutKinds
)

// Callout is a request that a filter made of a cluster. Nothing is sent: the caller answers it.
type Callout struct {
	Kind CalloutKind
	// Token by which the filter knows it.
	Token uint32
	// Cluster of an HTTP call, or what the filter named as a gRPC service: a cluster or an encoded GrpcService.
	Cluster string
	// Service and Method of gRPC.
	Service, Method string
	// Headers of an HTTP call, or initial metadata.
	Headers Headers
	// Body of an HTTP call, or the message of a gRPC call.
	Body     []byte
	Trailers Headers
	// Timeout, 0 for none.
	Timeout time.Duration
	// Sent are the messages of a gRPC stream.
	Sent [][]byte
	// Closed is true once the filter ended its side of a gRPC stream.
	Closed bool

	root   *scope
	remote bool // the other side of a gRPC stream is closed
}

// CalloutResponse is the answer to an HTTP call.
type CalloutResponse struct {
	Headers Headers
	Body    []byte
	// Trailers. Without any the filter has no map of them.
	Trailers Headers
}

// callouts are those of a VM that wait for an answer, and what the filter can see of the answer that it handles.
type callouts struct {
	open map[uint32]*Callout
	next [calloutKinds]uint32

	headers, trailers                 *Headers
	initialMetadata, trailingMetadata *Headers
	body, message                     *[]byte
	data                              []byte
	status                            uint32
	statusMessage                     string
}

// calloutStep is between tokens of one kind, whose two lowest bits are the kind.
const calloutStep = 4

func (c *callouts) init() {
	c.open = map[uint32]*Callout{}
	for kind := range c.next {
		c.next[kind] = uint32(kind)
	}
}

// Callouts returns the call-outs that wait for an answer, in the order of their tokens.
func (vm *VM) Callouts() []*Callout {
	var all []*Callout
	for _, token := range slices.Sorted(maps.Keys(vm.calls.open)) {
		all = append(all, vm.calls.open[token])
	}
	return all
}

// Answer answers an HTTP call: proxy_on_http_call_response.
func (c *Callout) Answer(ctx context.Context, response CalloutResponse) error {
	headers, trailers := response.Headers.normalized(mapResponseHeaders), response.Trailers.normalized(mapResponseTrailers)
	calls := &c.root.vm.calls
	calls.headers, calls.body = &headers, &response.Body
	if len(trailers) > 0 {
		calls.trailers = &trailers
	}
	return c.event(ctx, true, "proxy_on_http_call_response", uint64(len(headers)), uint64(len(response.Body)), uint64(len(trailers)))
}

// Fail ends an HTTP call without an answer, as when it timed out: proxy_on_http_call_response with nothing.
func (c *Callout) Fail(ctx context.Context) error {
	calls := &c.root.vm.calls
	calls.status, calls.statusMessage = uint32(StatusBrokenConnection), "reset"
	return c.event(ctx, true, "proxy_on_http_call_response", 0, 0, 0)
}

// ReceiveInitialMetadata passes initial metadata of a gRPC stream to the filter: proxy_on_grpc_receive_initial_metadata. Envoy
// has it come for each stream, if only empty, and so the trailing metadata; for a call neither.
func (c *Callout) ReceiveInitialMetadata(ctx context.Context, metadata Headers) error {
	metadata = metadata.normalized(mapResponseHeaders)
	c.root.vm.calls.initialMetadata = &metadata
	return c.event(ctx, false, "proxy_on_grpc_receive_initial_metadata", uint64(len(metadata)))
}

// Receive passes a message of gRPC to the filter, which ends a call: proxy_on_grpc_receive.
func (c *Callout) Receive(ctx context.Context, message []byte) error {
	c.root.vm.calls.message = &message
	return c.event(ctx, c.Kind == GRPCCall, "proxy_on_grpc_receive", uint64(len(message)))
}

// ReceiveTrailingMetadata passes trailing metadata of a gRPC stream to the filter: proxy_on_grpc_receive_trailing_metadata.
func (c *Callout) ReceiveTrailingMetadata(ctx context.Context, metadata Headers) error {
	metadata = metadata.normalized(mapResponseTrailers)
	c.root.vm.calls.trailingMetadata = &metadata
	return c.event(ctx, false, "proxy_on_grpc_receive_trailing_metadata", uint64(len(metadata)))
}

// Close ends a gRPC stream, or a call that failed, with a status: proxy_on_grpc_close. Envoy has the details of the stream in
// the message too, in braces if the server gave another: "not there{via_upstream}".
func (c *Callout) Close(ctx context.Context, status uint32, message string) error {
	calls := &c.root.vm.calls
	calls.status, calls.statusMessage, c.remote = status, message, true
	return c.event(ctx, c.Kind == GRPCCall || c.Closed, "proxy_on_grpc_close", uint64(status))
}

// event calls a callback of a call-out. last says that it waits for nothing more after it: as in Envoy, the filter can still
// end it while it handles that.
func (c *Callout) event(ctx context.Context, last bool, callback string, args ...uint64) error {
	vm := c.root.vm
	defer vm.calls.clear()
	if vm.calls.open[c.Token] != c {
		return fmt.Errorf("answer a call-out: %w", ErrClosed)
	}
	exists := vm.scopes[c.root.id] == c.root
	var err error
	if exists {
		_, err = vm.callIfAny(ctx, c.root, callback, append([]uint64{uint64(c.root.id), uint64(c.Token)}, args...)...)
	}
	if last && vm.calls.open[c.Token] == c {
		vm.forget(c)
	}
	if err != nil || !exists {
		return err
	}
	vm.calls.clear()
	return vm.Dispatch(ctx)
}

// clear has the filter no longer see an answer. Its status stays, as in Envoy.
func (c *callouts) clear() {
	c.headers, c.trailers, c.body, c.message = nil, nil, nil, nil
	c.initialMetadata, c.trailingMetadata, c.statusMessage = nil, nil, ""
}

// cost is what a call-out is held with.
func (c *Callout) cost() int {
	cost := entryCost + len(c.Cluster) + len(c.Service) + len(c.Method) + len(c.Body) + pairsCost(c.Headers) + pairsCost(c.Trailers)
	for _, message := range c.Sent {
		cost += entryCost + len(message)
	}
	return cost
}

// open remembers a call-out and gives it its token.
func (vm *VM) open(c *Callout) uint32 {
	vm.hold(c.cost())
	vm.calls.next[c.Kind] += calloutStep
	c.Token, c.root = vm.calls.next[c.Kind], vm.scope().root()
	vm.calls.open[c.Token] = c
	return c.Token
}

func (vm *VM) forget(c *Callout) {
	vm.held -= c.cost()
	delete(vm.calls.open, c.Token)
}
