// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"fmt"
	"net/textproto"
	"strings"

	"github.com/autowasm/autowasm/host"
)

// observe compares what a step did. passed is what of the body passed the filter in it.
func (r *runner) observe(s *step, passed []byte) {
	local := r.stream.Local()
	_, reset := r.stream.Reset()
	if local != nil || reset {
		r.answer = s.name
	}
	r.checkImmediate(s, local)
	r.checkLog(s.name, s.expected)
	if s.expected == nil {
		return
	}
	message := r.stream.Request()
	if s.response || local != nil {
		message = r.stream.Response()
	}
	if local != nil {
		passed = message.Body
	}
	r.match(s.name, "the body", s.expected.bodies, string(passed))
	switch {
	case s.headers == nil && local == nil:
		r.checkNoHeaders(s)
	case message.Headers != nil:
		r.checkHeaders(s, message.Headers)
	}
}

// checkNoHeaders refuses expectations of headers where none pass.
func (r *runner) checkNoHeaders(s *step) {
	if e := s.expected; len(e.has)+len(e.no)+len(e.lines) > 0 {
		r.failf(s.name, "there are no headers in a step of a body: expect them in the step of the headers, where they pass")
	}
}

// checkImmediate compares the filter's own response.
func (r *runner) checkImmediate(s *step, local *host.LocalResponse) {
	want := (*immediate)(nil)
	if s.expected != nil {
		want = s.expected.immediate
	}
	if details, reset := r.stream.Reset(); reset {
		r.failf(s.name, "the stream was reset (%s)", details)
		return
	}
	switch {
	case want == nil && local != nil && s.expected == nil:
		r.failf(s.name, "%s, and the case does not have this step, which Envoy always has: give the case %s", answered(local), s.name)
	case want == nil && local != nil:
		r.failf(s.name, "%s, and no immediate response is expected", answered(local))
	case want != nil && local == nil:
		r.failf(s.name, "an immediate response is expected, and the filter gave none")
	case want != nil:
		r.compareImmediate(s, want, local)
	}
}

// answered says who answered, and with what.
func answered(local *host.LocalResponse) string {
	shown := fmt.Sprintf("%d %s", local.Code, quoted(string(local.Body)))
	if local.Refused() {
		return "Envoy answers the headers that the filter leaves with " + shown + " (" + local.Details + ")"
	}
	return "the filter answered with " + shown
}

func (r *runner) compareImmediate(s *step, want *immediate, got *host.LocalResponse) {
	if want.HTTPStatus != nil && *want.HTTPStatus != got.Code {
		r.failf(s.name, "the immediate response has HTTP status %d, want %d", got.Code, *want.HTTPStatus)
	}
	if want.GRPCStatus != nil && int64(*want.GRPCStatus) != int64(got.GRPCStatus) {
		r.failf(s.name, "the immediate response has gRPC status %d, want %d", got.GRPCStatus, *want.GRPCStatus)
	}
	if want.Details != nil && *want.Details != got.Details {
		r.failf(s.name, "the immediate response has details %s, want %s", quoted(got.Details), quoted(*want.Details))
	}
}

// checkHeaders compares headers that have passed.
func (r *runner) checkHeaders(s *step, headers host.Headers) {
	for _, h := range s.expected.has {
		values := headers.Values(h.name)
		switch got := strings.Join(values, ", "); {
		case len(values) == 0:
			r.failf(s.name, "there is no header %s, want %s", h.name, quoted(h.value))
		case got != h.value:
			r.failf(s.name, "header %s is %s, want %s", h.name, quoted(got), quoted(h.value))
		}
	}
	for _, h := range s.expected.no {
		if values := headers.Values(h.name); len(values) > 0 {
			r.failf(s.name, "header %s is %s, want none", h.name, quoted(strings.Join(values, ", ")))
		}
	}
	r.match(s.name, "the headers", s.expected.lines, serialized(headers)...)
}

// serialized are lines "name: value". A header of several values has one for each, and one with all of them. Names are of
// lower case, as Envoy has them, and again as HTTP/1 writes them: an expectation may have either.
func serialized(headers host.Headers) []string {
	var lines []string
	add := func(name, value string) {
		lines = append(lines, name+": "+value)
		if written := textproto.CanonicalMIMEHeaderKey(name); written != name {
			lines = append(lines, written+": "+value)
		}
	}
	seen := map[string]bool{}
	for _, h := range headers {
		add(h[0], h[1])
		if values := headers.Values(h[0]); len(values) > 1 && !seen[h[0]] {
			seen[h[0]] = true
			add(h[0], strings.Join(values, ", "))
		}
	}
	return lines
}

// checkLog compares the lines of the present step, which has ended with them.
func (r *runner) checkLog(name string, want *expected) {
	if want != nil {
		r.match(name, "the log", want.log, r.lines...)
	}
	r.lines, r.bytes = nil, 0
}

// match compares texts.
func (r *runner) match(name, what string, all []matcher, texts ...string) {
	for _, m := range all {
		if !m.holds(texts) {
			r.failf(name, "%s: want %s, got %s", what, m, quoted(strings.Join(texts, "\n")))
		}
	}
}

// checkHeld refuses what the filter holds back after the last step, or without letting headers pass: Envoy has it wait for
// what no case has. answered is not held, nor is what was reset.
func (r *runner) checkHeld(name string) {
	if _, reset := r.stream.Reset(); reset || r.stream.Local() != nil && r.stream.Response().Headers != nil {
		return
	}
	request, response := r.stream.Paused()
	if request {
		r.failf(name, "the filter holds the request, and Envoy waits until it resumes%s", r.waitsFor())
	}
	if response {
		r.failf(name, "the filter holds the response, and Envoy waits until it resumes%s", r.waitsFor())
	}
}

// waitsFor says what the filter may wait for.
func (r *runner) waitsFor() string {
	var clusters []string
	for _, c := range r.vm.Callouts() {
		clusters = append(clusters, quoted(c.Cluster))
	}
	if len(clusters) == 0 {
		return ""
	}
	return ", for the answer to a call-out to " + strings.Join(clusters, ", ") + ", which a test file cannot give"
}
