// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strconv"
	"strings"
)

// sendLocal follows sendLocalReply in filter_manager.cc of Envoy: the response passes the filter unless the upstream's, or a
// local one before, has come already, whose place it takes; once that has passed, the stream is reset.
func (s *Stream) sendLocal(r *LocalResponse) error {
	switch {
	case s.logging:
		return s.recursion()
	case s.closed || s.reset != nil || s.answered():
		return nil
	case s.pending != nil: // the first is sent, though under these details
		s.pending.Details = r.Details
		return nil
	}
	if s.inRequest {
		s.request.aborted = true
	}
	if s.inResponse {
		s.response.aborted = true
	}
	s.local = r
	switch {
	case !s.response.hasHeaders && s.inRequest:
		s.pending = r // it is sent when the filter has returned
	case !s.response.hasHeaders:
		return s.passLocal(r)
	case !s.response.headersPassed:
		s.replaceResponse(r)
	default:
		s.endBy(r.Details)
	}
	return nil
}

// answered reports whether all of a local response has been sent.
func (s *Stream) answered() bool { return s.local != nil && s.response.out.Complete }

// recursion is what becomes of a filter that ends a stream in proxy_on_log: Envoy then calls that again, and so on.
func (s *Stream) recursion() error {
	s.vm.failed = &TrapError{Callback: "proxy_on_log", Reason: "it ends the stream, so that Envoy calls it again until the stack overflows"}
	return s.vm.failed
}

// settle sends a local response that waited for the filter to return.
func (s *Stream) settle() error {
	r := s.pending
	if r == nil || s.inRequest {
		return nil
	}
	s.pending = nil
	return s.passLocal(r)
}

// passLocal sends a local response through the filter.
func (s *Stream) passLocal(r *LocalResponse) error {
	s.request.aborted = true
	s.code = r.Code
	headers, body := r.head(s.ofGRPC, s.ofHEAD)
	if err := s.headersCome(&s.response, headers, len(body) == 0); err != nil || len(body) == 0 {
		return err
	}
	return s.bodyComes(&s.response, body, true)
}

// replaceResponse sends a local response in the place of the upstream's, which has not passed yet; not through the filter.
func (s *Stream) replaceResponse(r *LocalResponse) {
	s.local, s.pending = r, nil
	s.request.aborted, s.response.aborted, s.response.headersPassed = true, true, true
	headers, body := r.head(s.ofGRPC, s.ofHEAD)
	s.code, _ = headers.status()
	s.response.out = Message{Headers: headers, Body: body, Complete: true}
}

// endBy resets the stream.
func (s *Stream) endBy(details string) {
	s.reset = &details
	s.request.aborted, s.response.aborted = true, true
}

// fail answers 503 because the filter trapped, or resets the stream if a response has begun; see failStream in context.cc
// of Envoy.
func (s *Stream) fail() {
	if s.failed || s.reset != nil || s.answered() {
		return
	}
	s.failed = true
	s.request.aborted, s.response.aborted = true, true
	r := &LocalResponse{Code: 503, Details: DetailsFailed, GRPCStatus: 14}
	if s.response.headersPassed {
		s.local = r
		s.endBy(r.Details)
		return
	}
	s.replaceResponse(r)
}

// tooLong ends a stream of which more has to be held than the limit.
func (s *Stream) tooLong(d *direction) {
	r := &LocalResponse{Code: 413, Details: detailsRequestTooLong, Body: []byte("Payload Too Large"), GRPCStatus: -1}
	if d.response {
		r = &LocalResponse{Code: 500, Details: detailsResponseTooLong, Body: []byte("Internal Server Error"), GRPCStatus: -1}
	}
	d.aborted = true
	switch {
	case !d.response:
		s.local, s.pending = r, r
	case d.headersPassed:
		s.local = r
		s.endBy(r.Details)
	default:
		s.replaceResponse(r)
	}
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, "application/grpc")
	return ok && (rest == "" || rest[0] == '+')
}

// grpcStatusOf follows httpToGrpcStatus in status.cc of Envoy.
func grpcStatusOf(code uint32) int32 {
	switch code {
	case 400:
		return 13
	case 401:
		return 16
	case 403:
		return 7
	case 404:
		return 12
	case 429, 502, 503, 504:
		return 14
	}
	return 2
}
