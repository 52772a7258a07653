// SPDX-License-Identifier: Apache-2.0

package host

import (
	"strconv"
	"strings"
)

// sendLocal follows sendLocalReply in filter_manager.cc of Envoy: the response passes the filter unless the upstream's has
// come already, and once that has passed, the stream is reset.
func (s *Stream) sendLocal(r *LocalResponse) error {
	if s.closed || s.reset != nil || s.local != nil {
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
	headers, body := r.head(s.request.headers)
	if err := s.headersCome(&s.response, headers, len(body) == 0); err != nil || len(body) == 0 {
		return err
	}
	return s.bodyComes(&s.response, body, true)
}

// replaceResponse sends a local response in the place of the upstream's, which has not passed yet; not through the filter.
func (s *Stream) replaceResponse(r *LocalResponse) {
	s.request.aborted, s.response.aborted = true, true
	headers, body := r.head(s.request.headers)
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
	if s.failed || s.reset != nil {
		return
	}
	s.failed = true
	s.request.aborted, s.response.aborted = true, true
	r := &LocalResponse{Code: 503, Details: DetailsFailed, GRPCStatus: 14}
	s.local = r
	if s.response.headersPassed {
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
	s.pending = nil
	s.local = nil
	if d.response {
		s.local = r
		s.replaceResponse(r)
		return
	}
	s.local, s.pending = r, r
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
