// SPDX-License-Identifier: Apache-2.0

// Package text shortens and cleans what others wrote, such as a registry, for a status, an Event, an answer or a log.
package text

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const ellipsis = "…"

// Truncate returns s if it has at most that many bytes, else the longest start of s that has, with "…", cut between two
// characters; "" where not even the "…" fits. Bytes of s that are not UTF-8 are kept as they are.
func Truncate(s string, bytes int) string {
	switch {
	case len(s) <= bytes:
		return s
	case bytes < len(ellipsis):
		return ""
	}
	cut := bytes - len(ellipsis)
	for back := 1; back < utf8.UTFMax && cut > 0 && !utf8.RuneStart(s[cut]); back++ {
		cut--
	}
	return s[:cut] + ellipsis
}

// TruncateRunes is Truncate with a limit in characters, of which the "…" is one.
func TruncateRunes(s string, runes int) string {
	switch {
	case utf8.RuneCountInString(s) <= runes:
		return s
	case runes < 1:
		return ""
	}
	return string([]rune(s)[:runes-1]) + ellipsis
}

// Elide replaces the middle of more than 29 characters by "…": the ends tell names and hosts apart.
func Elide(s string) string {
	const keep = 14
	runes := []rune(s)
	if len(runes) <= 2*keep+1 {
		return s
	}
	return string(runes[:keep]) + ellipsis + string(runes[len(runes)-keep:])
}

// OneLine returns the printable characters of s, with a space for each line break and tab. Control characters and
// broken UTF-8 are left out: a terminal would obey them, and the API server drops a warning that has one.
func OneLine(s string) string { return strings.Map(printable, s) }

func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\r' || r == '\t':
		return ' '
	case r == utf8.RuneError || !unicode.IsPrint(r):
		return -1
	}
	return r
}

// WithoutQuery returns what may be shown of a URL: its query may hold a signature and its user information a
// password. The fragment, which is not sent, is left out too. It returns "" for what is not a URL.
func WithoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}
