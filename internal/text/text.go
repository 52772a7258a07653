// Package text shortens text that ends up in a status, an Event, an answer or a log
// and that a module, a registry or another component wrote.
package text

import "unicode/utf8"

const ellipsis = "…"

// Truncate returns s if it has at most that many bytes. Else it returns the longest
// start of s that, followed by "…", has at most that many, cut between two
// characters. The result is empty where not even the "…" fits. Bytes of s that are
// not UTF-8 are kept as they are.
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
