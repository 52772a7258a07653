// SPDX-License-Identifier: Apache-2.0

package main

import (
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

// What the host calls the parts of the answer to a call-out.
const (
	grpcInitial = iota + 4
	grpcTrailing
	callHeaders
	callTrailers
)

const (
	callBody    = 4
	grpcMessage = 5
)

// callHTTP sends a request to a cluster. Its answer resumes the stream.
func (s *stream) callHTTP(cluster string) {
	headers := [][2]string{{":method", "POST"}, {":path", "/called"}, {":authority", "call"}, {"x-one", "called"}}
	_, err := proxywasm.DispatchHttpCall(cluster, headers, []byte("asks"), nil, 5000, func(_, size, trailers int) {
		say("call %d %d", size, trailers)
		seeAnswer()
		s.plugin.resume(s)
	})
	say("http call %v", err)
}

// waiting are the streams that wait for an answer of gRPC, by its token.
var waiting = map[uint32]*stream{}

// callGRPC sends a message to a method of a cluster. Its answer resumes the stream.
func (s *stream) callGRPC(cluster, method string) {
	service, message, metadata, token := "probe.Probe", "ping", pairs("x-sent", "1"), uint32(0)
	status := grpcCall(text(cluster), length(cluster), text(service), length(service), text(method), length(method),
		text(metadata), length(metadata), text(message), length(message), 5000, unsafe.Pointer(&token))
	say("grpc call %d %t", status, token != 0)
	waiting[token] = s
	if method == "Cancelled" {
		say("grpc cancel %d %d", grpcCancel(token), grpcCancel(token))
	}
}

// openGRPC opens a stream of a cluster, and sends two messages. Its end resumes the stream.
func (s *stream) openGRPC(cluster, method string) {
	service, message, metadata, token := "probe.Probe", "ping", pairs("x-sent", "1"), uint32(0)
	status := grpcStream(text(cluster), length(cluster), text(service), length(service), text(method), length(method),
		text(metadata), length(metadata), unsafe.Pointer(&token))
	say("grpc stream %d %t", status, token != 0)
	waiting[token] = s
	say("grpc send %d %d", grpcSend(token, text(message), length(message), 0), grpcSend(token, text(message), length(message), 1))
}

//
//lint:ignore U1000 the host calls it
//go:wasmexport proxy_on_grpc_receive_initial_metadata
func onInitialMetadata(_, token, _ uint32) { seeEvent(token, "initial metadata", -1) }

//
//lint:ignore U1000 the host calls it
//go:wasmexport proxy_on_grpc_receive
func onMessage(_, token, size uint32) {
	s := seeEvent(token, "message", int(size))
	if s != nil && s.single {
		s.end(token)
		s.plugin.resume(s)
	}
}

//
//lint:ignore U1000 the host calls it
//go:wasmexport proxy_on_grpc_receive_trailing_metadata
func onTrailingMetadata(_, token, _ uint32) { seeEvent(token, "trailing metadata", -1) }

//
//lint:ignore U1000 the host calls it
//go:wasmexport proxy_on_grpc_close
func onClose(_, token, status uint32) {
	if s := seeEvent(token, "close", int(status)); s != nil {
		s.end(token)
		s.plugin.resume(s)
	}
}

// end ends a call-out that has had its last event.
func (s *stream) end(token uint32) {
	if s.plugin.has("end") {
		say("grpc close %d, cancel %d", grpcClose(token), grpcCancel(token))
	}
}

// seeEvent logs what can be read of an event, and returns the stream that it is for.
func seeEvent(token uint32, what string, n int) *stream {
	say("grpc %s %d", what, n)
	seeAnswer()
	return waiting[token]
}

// seeAnswer logs what can be read of the answer to a call-out.
func seeAnswer() {
	for _, of := range []struct {
		kind uint32
		name string
	}{{grpcInitial, "x-initial"}, {grpcTrailing, "x-trailing"}, {callHeaders, ":status"}, {callTrailers, "x-trailer"}} {
		var data *byte
		var size uint32
		status := getHeader(of.kind, text(of.name), length(of.name), unsafe.Pointer(&data), unsafe.Pointer(&size))
		say("  %s %q %d", of.name, unsafe.String(data, size), status)
	}
	for _, kind := range []uint32{callBody, grpcMessage} {
		var data *byte
		var size uint32
		status := getBuffer(kind, 0, 1000, unsafe.Pointer(&data), unsafe.Pointer(&size))
		say("  buffer %d %q %d", kind, unsafe.String(data, size), status)
	}
	var code, size uint32
	var data *byte
	status := getStatus(unsafe.Pointer(&code), unsafe.Pointer(&data), unsafe.Pointer(&size))
	say("  status %d %q %d", code, unsafe.String(data, size), status)
}

// pairs encodes one header.
func pairs(name, value string) string { return allPairs([][2]string{{name, value}}) }

// allPairs encodes headers.
func allPairs(headers [][2]string) string {
	number := func(n int) string { return string([]byte{byte(n), 0, 0, 0}) }
	sizes, texts := number(len(headers)), ""
	for _, h := range headers {
		sizes += number(len(h[0])) + number(len(h[1]))
		texts += h[0] + "\x00" + h[1] + "\x00"
	}
	return sizes + texts
}

func text(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }

func length(s string) uint32 { return uint32(len(s)) }

//go:wasmimport env proxy_grpc_call
func grpcCall(cluster unsafe.Pointer, clusterSize uint32, service unsafe.Pointer, serviceSize uint32, method unsafe.Pointer, methodSize uint32,
	metadata unsafe.Pointer, metadataSize uint32, message unsafe.Pointer, messageSize, timeout uint32, token unsafe.Pointer) uint32

//go:wasmimport env proxy_grpc_stream
func grpcStream(cluster unsafe.Pointer, clusterSize uint32, service unsafe.Pointer, serviceSize uint32, method unsafe.Pointer, methodSize uint32,
	metadata unsafe.Pointer, metadataSize uint32, token unsafe.Pointer) uint32

//go:wasmimport env proxy_grpc_send
func grpcSend(token uint32, message unsafe.Pointer, size, end uint32) uint32

//go:wasmimport env proxy_grpc_close
func grpcClose(token uint32) uint32

//go:wasmimport env proxy_grpc_cancel
func grpcCancel(token uint32) uint32

//go:wasmimport env proxy_get_header_map_value
func getHeader(kind uint32, name unsafe.Pointer, nameSize uint32, value, size unsafe.Pointer) uint32

//go:wasmimport env proxy_get_buffer_bytes
func getBuffer(kind, start, length uint32, data, size unsafe.Pointer) uint32

//go:wasmimport env proxy_get_status
func getStatus(code, message, size unsafe.Pointer) uint32
