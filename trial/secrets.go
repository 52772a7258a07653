// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// minSecret is the shortest value of a variable that is left out of the lines: a shorter one is in too many words.
const minSecret = 4

// secrets are what is left out of lines: the values of variables, which may be secrets, as a module may write them.
type secrets []string

// secretsOf has each value as it is, and each line of one, since some write by lines; with and without the blanks around it,
// since many read a file's content into a variable and trim it; and each of these escaped.
func secretsOf(env [][2]string) secrets {
	var s secrets
	for _, variable := range env {
		for _, part := range append(strings.Split(variable[1], "\n"), variable[1]) {
			s = append(s, spellings(part)...)
			s = append(s, spellings(strings.TrimSpace(part))...)
		}
	}
	slices.Sort(s)
	return slices.Compact(s)
}

// spellings returns a value as it is, as Go and Rust quote it, and as a string of JSON; none of one that is too short.
func spellings(value string) []string {
	if len(value) < minSecret {
		return nil
	}
	quoted := []string{strconv.Quote(value), strconv.QuoteToASCII(value), quoteJSON(value, true), quoteJSON(value, false)}
	forms := []string{value}
	for _, q := range quoted {
		forms = append(forms, q[1:len(q)-1])
	}
	return forms
}

// quoteJSON is a string of JSON, in which <, > and & are escaped for HTML, as Go does, or are not.
func quoteJSON(value string, html bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(html)
	_ = encoder.Encode(value) // strings always encode
	return strings.TrimSuffix(b.String(), "\n")
}

// redact has "…" in place of what any secret covers. Which of them comes first, or is part of another, does not matter so.
func (s secrets) redact(line string) string {
	covered := make([]bool, len(line))
	for _, secret := range s {
		for from := 0; ; {
			i := strings.Index(line[from:], secret)
			if i < 0 {
				break
			}
			begin := from + i
			from = begin + len(secret)
			for at := begin; at < from; at++ {
				covered[at] = true
			}
		}
	}
	return hide(line, covered)
}

// hide replaces each run of covered bytes.
func hide(line string, covered []bool) string {
	var b strings.Builder
	for i := range len(line) {
		switch {
		case !covered[i]:
			b.WriteByte(line[i])
		case i == 0 || !covered[i-1]:
			b.WriteString("…")
		}
	}
	return b.String()
}
