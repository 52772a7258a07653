// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strconv"
	"strings"
)

// derived finds an attribute that follows from the messages of the stream; see expr/context.cc of Envoy. Headers are
// those that the filter can see at present: Envoy too has no request.path while the filter handles the response.
func (s *Stream) derived(path []string) (any, bool) {
	if len(path) < 2 {
		return nil, false
	}
	switch path[0] {
	case "request":
		return s.ofRequest(path[1:])
	case "response":
		return s.ofResponse(path[1:])
	case "connection":
		return lookup(Attributes{"mtls": false, "requested_server_name": "", "id": uint64(0)}, path[1:])
	case "filter_state":
		value, ok := s.properties[strings.TrimPrefix(path[1], "wasm.")]
		return value, ok && len(path) == 2 && strings.HasPrefix(path[1], "wasm.")
	}
	return nil, false
}

// seen returns the headers of a direction that an attribute can be of, nil if there are none. As in Envoy, proxy_on_log has
// those that the filter held back, and by them not those of a local response that took their place.
func (s *Stream) seen(of uint32) *Headers {
	if headers := s.visible(of); headers != nil || !s.logging {
		return headers
	}
	return s.loggable(of)
}

// fieldAttributes are attributes of a request that are a header.
var fieldAttributes = map[string]string{
	"path": ":path", "host": ":authority", "scheme": ":scheme", "method": ":method", "referer": "referer",
	"id": "x-request-id", "useragent": "user-agent",
}

func (s *Stream) ofRequest(path []string) (any, bool) {
	headers := s.seen(mapRequestHeaders)
	if path[0] == "headers" {
		return ofHeaders(mapRequestHeaders, headers, path[1:])
	}
	if len(path) > 1 {
		return nil, false
	}
	received := s.request.received
	switch path[0] {
	case "time":
		return s.begun, true
	case "protocol":
		if s.config.Protocol == "" {
			return "HTTP/1.1", true
		}
		return s.config.Protocol, true
	case "headers_bytes":
		return byteSize(headers), true
	case "total_size":
		return received + byteSize(headers), true
	case "size":
		return contentLength(headers, received)
	case "duration":
		return s.vm.proxy.Now().Sub(s.begun), s.logging
	}
	if headers == nil {
		return nil, false
	}
	return ofURL(*headers, path[0])
}

// ofURL finds attributes that are headers or parts of the path.
func ofURL(headers Headers, name string) (any, bool) {
	if field, ok := fieldAttributes[name]; ok {
		return found(headers.Get(field))
	}
	target, _ := headers.Get(":path")
	path, query, _ := strings.Cut(target, "?")
	switch name {
	case "url_path":
		return path, true
	case "query":
		query, _, _ = strings.Cut(query, "#")
		return query, true
	}
	return nil, false
}

func found(value string, ok bool) (any, bool) { return value, ok }

func (s *Stream) ofResponse(path []string) (any, bool) {
	headers, trailers := s.seen(mapResponseHeaders), s.seen(mapResponseTrailers)
	switch path[0] {
	case "headers":
		return ofHeaders(mapResponseHeaders, headers, path[1:])
	case "trailers":
		return ofHeaders(mapResponseTrailers, trailers, path[1:])
	}
	if len(path) > 1 {
		return nil, false
	}
	sent := int64(len(s.response.out.Body))
	switch path[0] {
	case "code":
		return int64(s.code), s.code > 0
	case "code_details":
		return s.details()
	case "size":
		return sent, true
	case "flags":
		return s.flags, true
	case "headers_bytes":
		return byteSize(headers), true
	case "total_size":
		return sent + byteSize(headers) + byteSize(trailers), true
	case "grpc_status":
		return s.grpcStatus(trailers, headers)
	case "backend_latency":
		return s.response.endedAt.Sub(s.request.passedAt), s.response.fromUpstream()
	}
	return nil, false
}

func (s *Stream) details() (any, bool) {
	switch {
	case s.reset != nil:
		return *s.reset, true
	case s.local != nil:
		return s.local.Details, true
	}
	return "via_upstream", s.response.hasHeaders
}

// ofHeaders finds a header, or all of them: none where there are no headers.
func ofHeaders(of uint32, headers *Headers, path []string) (any, bool) {
	if headers == nil {
		headers = &Headers{}
	}
	switch len(path) {
	case 0:
		return allOf(headers), true
	case 1:
		values := headers.Values(fieldName(of, path[0]))
		return strings.Join(values, ","), len(values) > 0
	}
	return nil, false
}

func allOf(headers *Headers) map[string]any {
	all := map[string]any{}
	for _, field := range *headers {
		all[field[0]] = strings.Join(headers.Values(field[0]), ",")
	}
	return all
}

func byteSize(headers *Headers) int64 {
	if headers == nil {
		return 0
	}
	return int64(headers.ByteSize())
}

// contentLength is the header's number, else what was received.
func contentLength(headers *Headers, received int64) (any, bool) {
	if headers == nil {
		return received, true
	}
	text, ok := headers.Get("content-length")
	if !ok {
		return received, true
	}
	length, err := strconv.ParseInt(text, 10, 64)
	return length, err == nil
}

// grpcStatus is that of the trailers or headers, else what the HTTP status stands for.
func (s *Stream) grpcStatus(all ...*Headers) (any, bool) {
	for _, headers := range all {
		if headers == nil {
			continue
		}
		if text, ok := headers.Get("grpc-status"); ok {
			status, err := strconv.ParseInt(text, 10, 64)
			return status, err == nil
		}
	}
	return int64(grpcStatusOf(s.code)), s.code > 0
}

// noteAttribute remembers that the filter asked for an attribute that the caller did not give: the messages have it or not, a
// connection is supposed to be one without TLS, and any other is the proxy's, or what another filter set.
func (vm *VM) noteAttribute(s *Stream, path []string, derived bool) {
	name := strings.Join(path, ".")
	switch {
	case path[0] == "request" || path[0] == "response":
		s.asked("the property "+name, derived)
	case path[0] != "filter_state" || !derived:
		vm.unmodelledUse(UseProperty, name)
	}
}
