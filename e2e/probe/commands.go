// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// What the host calls the maps of headers.
const (
	requestHeaders = iota
	requestTrailers
	responseHeaders
	responseTrailers
)

// mapOf is the map that a step can change: that of its headers, else that of its trailers.
func mapOf(step string) uint32 {
	of := uint32(requestHeaders)
	if strings.HasPrefix(step, "response") {
		of = responseHeaders
	}
	if strings.HasSuffix(step, "body") || strings.HasSuffix(step, "trailers") {
		of++
	}
	return of
}

// command does what has arguments: <what>,<argument>,… with the escapes of a URL.
func (s *stream) command(step string, words []string, action types.Action) types.Action {
	for i, word := range words {
		words[i], _ = url.PathUnescape(word)
	}
	of, args := mapOf(step), append(words[1:], "", "")
	switch words[0] {
	case "add":
		say("add %d", addHeader(of, text(args[0]), length(args[0]), text(args[1]), length(args[1])))
	case "set":
		say("set %d", replaceHeader(of, text(args[0]), length(args[0]), text(args[1]), length(args[1])))
	case "remove":
		say("remove %d", removeHeader(of, text(args[0]), length(args[0])))
	case "list":
		list(of)
	case "join":
		join(of, words[1:])
	case "reply":
		reply(words[1:])
	case "close":
		say("close %d", closeStream(of/2))
	case "answer":
		n, _ := strconv.Atoi(args[0])
		return types.Action(n)
	}
	return action
}

// own are headers that Envoy adds to messages.
var own = []string{"x-request-id", "x-forwarded-proto", "x-envoy-upstream-service-time", "date", "server", "accept-encoding", "x-envoy-expected-rq-timeout-ms"}

// list logs headers in their order.
func list(of uint32) {
	all, err := proxywasm.GetHttpRequestHeaders()
	if of == responseHeaders {
		all, err = proxywasm.GetHttpResponseHeaders()
	}
	all = slices.DeleteFunc(all, func(h [2]string) bool { return slices.Contains(own, h[0]) })
	say("list %q %v", all, err)
}

// join logs of which headers a second value is joined to the first.
func join(of uint32, names []string) {
	var joined []string
	for _, name := range names {
		removeHeader(of, text(name), length(name))
		addHeader(of, text(name), length(name), text("one"), 3)
		addHeader(of, text(name), length(name), text("two"), 3)
		var data *byte
		var size uint32
		getHeader(of, text(name), length(name), unsafe.Pointer(&data), unsafe.Pointer(&size))
		if unsafe.String(data, size) == "one,two" {
			joined = append(joined, name)
		}
		removeHeader(of, text(name), length(name))
	}
	say("joined %s", joined)
}

// reply sends a local response: status, body, details, status of gRPC, and the name and the value of each header.
func reply(args []string) {
	code, _ := strconv.Atoi(args[0])
	status, _ := strconv.Atoi(args[3])
	var headers [][2]string
	for i := 4; i+1 < len(args); i += 2 {
		headers = append(headers, [2]string{args[i], args[i+1]})
	}
	body, details, encoded := args[1], args[2], allPairs(headers)
	say("reply %d", sendLocalResponse(uint32(code), text(details), length(details), text(body), length(body),
		text(encoded), length(encoded), uint32(int32(status))))
}

//go:wasmimport env proxy_add_header_map_value
func addHeader(of uint32, name unsafe.Pointer, nameSize uint32, value unsafe.Pointer, valueSize uint32) uint32

//go:wasmimport env proxy_replace_header_map_value
func replaceHeader(of uint32, name unsafe.Pointer, nameSize uint32, value unsafe.Pointer, valueSize uint32) uint32

//go:wasmimport env proxy_remove_header_map_value
func removeHeader(of uint32, name unsafe.Pointer, nameSize uint32) uint32

//go:wasmimport env proxy_close_stream
func closeStream(of uint32) uint32

//go:wasmimport env proxy_send_local_response
func sendLocalResponse(code uint32, details unsafe.Pointer, detailsSize uint32, body unsafe.Pointer, bodySize uint32,
	headers unsafe.Pointer, headersSize, grpcStatus uint32) uint32
