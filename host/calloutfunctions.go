// SPDX-License-Identifier: Apache-2.0

package host

import "time"

var calloutFunctions = []function{
	{"http_call", "iiiiiiiiii", httpCall},
	{"grpc_call", "iiiiiiiiiiii", grpcCall},
	{"grpc_stream", "iiiiiiiii", grpcStream},
	{"grpc_close", "i", grpcClose},
	{"grpc_cancel", "i", grpcCancel},
	{"grpc_send", "iiii", grpcSend},
}

// httpCall follows httpCall in context.cc of Envoy: the cluster has to exist, and :method, :path and :authority are
// needed.
func httpCall(vm *VM, a arguments) Status {
	texts, ok := vm.readAll(a, 0, 2, 4, 6)
	if !ok || !vm.memory.WriteUint32Le(a.u32(9), 0) {
		return StatusInvalidMemoryAccess
	}
	c := &Callout{Kind: HTTPCall, Cluster: texts[0], Body: []byte(texts[2]), Timeout: milliseconds(a.u32(8))}
	c.Headers = requestHeaders(decodePairs([]byte(texts[1])))
	c.Trailers = Headers(decodePairs([]byte(texts[3]))).normalized(mapRequestTrailers)
	if int32(a.u32(8)) < 0 || !vm.proxy.HasCluster(c.Cluster) {
		return StatusBadArgument
	}
	for _, name := range []string{":method", ":path", ":authority"} {
		if _, ok := c.Headers.Get(name); !ok {
			return StatusBadArgument
		}
	}
	if len(c.Body) > 0 {
		c.Headers.Set("content-length", decimal(uint32(len(c.Body))))
	}
	vm.unmodelledUse(UseCallout, c.Cluster)
	return vm.put32(a.u32(9), vm.open(c))
}

func requestHeaders(pairs [][2]string) Headers {
	var headers Headers
	for _, field := range pairs {
		headers.add(mapRequestHeaders, fieldName(mapRequestHeaders, field[0]), field[1])
	}
	return headers
}

func milliseconds(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

func grpcCall(vm *VM, a arguments) Status {
	texts, ok := vm.readAll(a, 0, 2, 4, 6, 8)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	c := grpcCallout(GRPCCall, texts)
	c.Body, c.Timeout = []byte(texts[4]), milliseconds(a.u32(10))
	return vm.openGRPC(c, a.u32(11))
}

func grpcStream(vm *VM, a arguments) Status {
	texts, ok := vm.readAll(a, 0, 2, 4, 6)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	return vm.openGRPC(grpcCallout(GRPCStream, texts), a.u32(8))
}

func grpcCallout(kind CalloutKind, texts []string) *Callout {
	metadata := Headers(decodePairs([]byte(texts[3]))).normalized(mapRequestHeaders)
	return &Callout{Kind: kind, Cluster: texts[0], Service: texts[1], Method: texts[2], Headers: metadata}
}

// openGRPC opens a call-out of gRPC. Envoy takes the service for an encoded GrpcService first; what is one is left to
// HasCluster.
func (vm *VM) openGRPC(c *Callout, tokenAt uint32) Status {
	if !vm.proxy.HasCluster(c.Cluster) {
		return StatusParseFailure
	}
	vm.unmodelledUse(UseCallout, c.Cluster)
	return vm.put32(tokenAt, vm.open(c))
}

// callout returns an open call-out of gRPC by its token, and what to answer if there is none.
func (vm *VM) callout(token uint32) (*Callout, Status) {
	if kind := CalloutKind(token % calloutStep); kind != GRPCCall && kind != GRPCStream {
		return nil, StatusBadArgument
	}
	c := vm.calls.open[token]
	if c == nil {
		return nil, StatusNotFound
	}
	return c, StatusOK
}

// grpcClose ends the filter's side of a stream, and a call altogether.
func grpcClose(vm *VM, a arguments) Status {
	c, status := vm.callout(a.u32(0))
	if c == nil {
		return status
	}
	c.Closed = true
	if c.Kind == GRPCCall || c.remote {
		vm.forget(c)
	}
	return StatusOK
}

func grpcCancel(vm *VM, a arguments) Status {
	c, status := vm.callout(a.u32(0))
	if c == nil {
		return status
	}
	vm.forget(c)
	return StatusOK
}

func grpcSend(vm *VM, a arguments) Status {
	message, ok := vm.read(a, 1)
	if !ok {
		return StatusInvalidMemoryAccess
	}
	c, status := vm.callout(a.u32(0))
	switch {
	case CalloutKind(a.u32(0)%calloutStep) != GRPCStream:
		return StatusBadArgument
	case c == nil:
		return status
	}
	vm.hold(entryCost + len(message))
	c.Sent = append(c.Sent, append([]byte(nil), message...))
	c.Closed = c.Closed || a.u32(3) != 0
	return StatusOK
}
