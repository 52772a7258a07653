// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"regexp"
	"strings"
)

// A Mask takes out of an output what is another in each run.
type Mask struct {
	Pattern *regexp.Regexp
	Instead string // may refer to groups of the pattern, as $1
}

// NewMask makes one of a regular expression, in which ^ and $ are the ends of a line.
func NewMask(pattern, instead string) Mask {
	return Mask{regexp.MustCompile(`(?m)` + pattern), instead}
}

// masks are those of all outputs. Each is for one kind of value, whose form is compared nevertheless.
var masks = []Mask{
	NewMask(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)`, "TIME"),
	NewMask(`\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`, "DATE"),
	NewMask(`\b(since|after) \d+[a-z0-9]*`, "$1 DURATION"),
	NewMask(`\b\d+[a-z0-9]* ago\b`, "DURATION ago"),
	NewMask(`\b[0-9a-f]{64}\b`, "SHA256"),
	NewMask(`\b\d+ bytes\b`, "SIZE bytes"),
	NewMask(`("size":|Content-Length:) \d+`, "$1 SIZE"),
	NewMask(`\bgo1\.\d+(\.\d+)?\b`, "GO"),
	NewMask(`\b([a-z]+(?:-v\d)?)-[0-9a-f]{8,10}-[a-z0-9]{5}\b`, "$1-POD"),
	NewMask(`(\S) {3,}`, "$1   "), // columns of a table are as wide as their longest value
	NewMask(`[ \t\r]+$`, ""),
}

// masked is an output without what is another in each run.
func masked(text string, more []Mask) string {
	for _, all := range [][]Mask{more, masks} {
		for _, m := range all {
			text = m.Pattern.ReplaceAllString(text, m.Instead)
		}
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// elision is a line of a page that stands for any lines.
const elision = "…\n"

// matches reports whether lines are those of a page, both masked.
func matches(want, got string) bool {
	parts := elided(want)
	first, rest := parts[0], parts[1:]
	got, ok := strings.CutPrefix(got, first)
	if len(rest) == 0 {
		return ok && got == ""
	}
	for i, part := range rest {
		if i == len(rest)-1 {
			return ok && strings.HasSuffix(got, part)
		}
		at := strings.Index("\n"+got, "\n"+part)
		if at < 0 {
			return false
		}
		got = got[at+len(part):]
	}
	return ok
}

// elided are the parts of a text around its elisions, each with the line breaks at its end.
func elided(text string) (parts []string) {
	part := ""
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line)+"\n" == elision {
			parts, part = append(parts, part), ""
		} else {
			part += line
		}
	}
	return append(parts, part)
}
