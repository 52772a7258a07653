// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/autowasm/autowasm/internal/text"
)

// matcher compares texts with what is expected of them.
type matcher struct {
	absent bool
	exact  string
	regex  *regexp.Regexp // nil if it has to be exact
	source string         // of the regular expression
}

// newMatcher prepares a matcher. read reads a file that the test file names.
func newMatcher(m *stringMatcher, read func(string) ([]byte, error)) (matcher, error) {
	switch {
	case m.Regex != nil:
		regex, err := regexp.Compile(`\A(?:` + *m.Regex + `)\z`)
		if err != nil { // which would show the added parts
			_, err = regexp.Compile(*m.Regex)
			return matcher{}, fmt.Errorf("regex %q does not compile: %w", text.Truncate(*m.Regex, shownValue), err)
		}
		return matcher{absent: m.Invert, regex: regex, source: *m.Regex}, nil
	case m.File != nil:
		content, err := read(*m.File)
		return matcher{absent: m.Invert, exact: string(content)}, err
	case m.Exact != nil:
		return matcher{absent: m.Invert, exact: string(m.Exact)}, nil
	}
	return matcher{}, errors.New("it matches nothing: set one of exact, regex, file")
}

// holds reports whether one of the texts matches, or with invert, none of them.
func (m matcher) holds(texts []string) bool {
	for _, t := range texts {
		if m.regex != nil && m.regex.MatchString(t) || m.regex == nil && t == m.exact {
			return !m.absent
		}
	}
	return m.absent
}

// String says what is expected.
func (m matcher) String() string {
	want, value := "", quoted(m.exact)
	if m.regex != nil {
		want, value = "a match of ", quoted(m.source)
	}
	if m.absent {
		return "no " + strings.TrimPrefix(want, "a ") + value
	}
	return want + value
}

// quoted shows a value in one line, and no more than its start.
func quoted(value string) string { return fmt.Sprintf("%q", text.Truncate(value, shownValue)) }
