// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"strings"
)

// Message is a request or a response as far as it passed the filter.
type Message struct {
	// Headers, nil until they passed.
	Headers Headers
	// Body is what of it passed. A caller that forwards it can take parts out.
	Body []byte
	// Trailers, nil until they passed or if there are none.
	Trailers Headers
	// Complete is true once all of it passed.
	Complete bool
}

// LocalResponse is a response that the filter, or Envoy because of it, gave in the place of the upstream's.
type LocalResponse struct {
	// Code is the HTTP status.
	Code uint32
	// Details are what the attribute response.code_details has, with spaces as underscores.
	Details string
	// Headers that the filter added.
	Headers Headers
	Body    []byte
	// GRPCStatus, -1 for none.
	GRPCStatus int32
}

// The details of responses that Envoy gives by itself.
const (
	// DetailsFailed are those of the 503 of a filter that trapped.
	DetailsFailed = "wasm_fail_stream"
	// DetailsClosed are those of a stream that the filter reset.
	DetailsClosed          = "wasm_close_stream"
	detailsRequestTooLong  = "request_payload_too_large"
	detailsResponseTooLong = "response_payload_too_large"
	detailsNoRoute         = "route_not_found"
	detailsRefusedRequest  = "filter_removed_required_request_headers"
	detailsRefusedResponse = "filter_removed_required_response_headers"
)

// Refused reports whether Envoy gave the response because the filter left the headers of a message without what they need, or
// with what they must not have. The details have the reason in braces.
func (r *LocalResponse) Refused() bool {
	return strings.HasPrefix(r.Details, detailsRefusedRequest+"{") || strings.HasPrefix(r.Details, detailsRefusedResponse+"{") ||
		r.Details == detailsNoRoute
}

// head returns the headers of the response, as prepareLocalReply in utility.cc of Envoy makes them, and its body. What the
// request is counts as it was before the filter changed it.
func (r *LocalResponse) head(ofGRPC, ofHEAD bool) (Headers, []byte) {
	var headers Headers
	headers.Add(":status", decimal(r.Code))
	for _, field := range r.Headers {
		headers.add(mapResponseHeaders, field[0], field[1])
	}
	if ofGRPC {
		return r.grpcHead(headers, ofHEAD), nil
	}
	headers.Remove("content-length")
	if len(r.Body) == 0 {
		headers.Remove("content-type")
		return headers, nil
	}
	headers.Set("content-length", decimal(uint32(len(r.Body))))
	if _, ok := headers.Get("content-type"); !ok {
		headers.Set("content-type", "text/plain")
	}
	if ofHEAD {
		return headers, nil
	}
	return headers, r.Body
}

// grpcHead makes the response one of gRPC: status 200 and the outcome in headers, unless the filter gave one.
func (r *LocalResponse) grpcHead(headers Headers, ofHEAD bool) Headers {
	status := r.GRPCStatus
	if status < 0 {
		status = grpcStatusOf(r.Code)
	}
	headers.Set(":status", "200")
	headers.Set("content-type", "application/grpc")
	if own, _ := headers.Get("grpc-status"); own == "" {
		headers.Set("grpc-status", decimal(uint32(status)))
	}
	if len(r.Body) > 0 && !ofHEAD {
		headers.Set("grpc-message", percentEncoded(r.Body))
	}
	headers.Remove("content-length")
	return headers
}

// percentEncoded follows PercentEncoding::encode in utility.cc of Envoy.
func percentEncoded(text []byte) string {
	var b strings.Builder
	for _, c := range text {
		if c < ' ' || c >= '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
