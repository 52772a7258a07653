// SPDX-License-Identifier: Apache-2.0

package host

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
)

// head returns the headers of the response, as sendLocalReply in utility.cc of Envoy makes them, and its body.
func (r *LocalResponse) head(request Headers) (Headers, []byte) {
	var headers Headers
	headers.Add(":status", decimal(r.Code))
	for _, field := range r.Headers {
		headers.add(mapResponseHeaders, field[0], field[1])
	}
	if contentType, _ := request.Get("content-type"); isGRPC(contentType) {
		return r.grpcHead(headers), nil
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
	if method, _ := request.Get(":method"); method == "HEAD" {
		return headers, nil
	}
	return headers, r.Body
}

// grpcHead makes the response one of gRPC: status 200 and the outcome in headers.
func (r *LocalResponse) grpcHead(headers Headers) Headers {
	status := r.GRPCStatus
	if status < 0 {
		status = grpcStatusOf(r.Code)
	}
	headers.Set(":status", "200")
	headers.Set("content-type", "application/grpc")
	headers.Set("grpc-status", decimal(uint32(status)))
	if len(r.Body) > 0 {
		headers.Set("grpc-message", string(r.Body))
	}
	return headers
}
