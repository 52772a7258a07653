// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"slices"
	"strings"
)

// refuse gives Envoy's answer to headers that the filter left without what they need, and reports whether there is one. What was
// wrong with them as they came does not count: a proxy would not have let them come.
func (d *direction) refuse() bool {
	all := refusals(d.response, d.headers)
	if len(all) == 0 {
		return false
	}
	before := refusals(d.response, d.came)
	all = slices.DeleteFunc(all, func(r *LocalResponse) bool {
		return slices.ContainsFunc(before, func(b *LocalResponse) bool { return b.Details == r.Details })
	})
	if len(all) == 0 {
		return false
	}
	d.aborted = true
	d.stream.sendRefusal(d, all[0])
	return true
}

func (s *Stream) sendRefusal(d *direction, r *LocalResponse) {
	if d.response {
		s.replaceResponse(r)
		return
	}
	s.flags = flagsOf[r.Code]
	s.local, s.pending = r, r // it is sent when the filter has returned
}

// flagsOf has the attribute response.flags of an answer to a request that is refused.
var flagsOf = map[uint32]int64{404: 0x100, 503: 0x40000}

// refusals are Envoy's answers to a message with such headers, of which it gives the first; see decodeHeaders in router.cc,
// encodeHeaders in codec_impl.cc of HTTP/1, and encodeHeaders in filter_manager.cc of Envoy.
func refusals(response bool, headers Headers) (all []*LocalResponse) {
	if response {
		if _, ok := headers.status(); !ok {
			all = append(all, refused(502, detailsRefusedResponse, missing(":status")))
		}
		return all
	}
	if _, ok := headers.Get(":path"); !ok {
		all = append(all, &LocalResponse{Code: 404, Details: detailsNoRoute, GRPCStatus: -1})
	}
	for _, reason := range requestFaults(headers) {
		all = append(all, refused(503, detailsRefusedRequest, reason))
	}
	return all
}

func refused(code uint32, details, reason string) *LocalResponse {
	return &LocalResponse{Code: code, Details: details + "{" + underscores.Replace(reason) + "}", Body: []byte(reason), GRPCStatus: -1}
}

func missing(name string) string { return "missing required header: " + name }

// requestFaults are what is wrong with a request, beside that it has no path; see checkRequiredRequestHeaders and
// checkValidRequestHeaders in header_utility.cc of Envoy.
func requestFaults(headers Headers) (reasons []string) {
	required := []string{":method"}
	if method, _ := headers.Get(":method"); method == "CONNECT" {
		required = []string{":authority", ":protocol"}
	}
	for _, name := range required {
		if _, ok := headers.Get(name); !ok {
			reasons = append(reasons, missing(name))
		}
	}
	for _, field := range headers {
		switch {
		case !isName(field[0]):
			reasons = append(reasons, "invalid header name: "+escaped(field[0]))
		case strings.ContainsFunc(field[1], isControl):
			reasons = append(reasons, "invalid header value for: "+escaped(field[0]))
		}
	}
	return reasons
}

// isName reports whether Envoy passes on a header of such a name. An empty one it does.
func isName(name string) bool {
	rest, pseudo := strings.CutPrefix(name, ":")
	return !strings.ContainsFunc(rest, isSeparator) && (rest != "" || !pseudo)
}

// isSeparator reports whether no name of a header may have a character.
func isSeparator(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// isControl reports whether no value of a header may have a character.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// escaped writes a text as it is within a string of JSON.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch at := strings.IndexByte("\"\\\b\f\n\r\t", c); {
		case at >= 0:
			b.WriteString(`\` + `"\bfnrt`[at:at+1])
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
