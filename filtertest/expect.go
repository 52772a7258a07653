// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"fmt"
	"strings"
)

// expected is what has to be true after a step.
type expected struct {
	has, no            []fieldOf
	lines, bodies, log []matcher
	immediate          *immediate
}

// fieldOf is a header and its value.
type fieldOf struct{ name, value string }

// empty reports whether nothing is expected.
func (e *expected) empty() bool {
	return e == nil || len(e.has)+len(e.no)+len(e.lines)+len(e.bodies)+len(e.log) == 0 && e.immediate == nil
}

// expect checks an expectation. One that is absent expects nothing, and no response of the filter's own.
func (f *File) expect(e *expectation) (*expected, error) {
	if e == nil {
		return &expected{}, nil
	}
	out := &expected{immediate: e.Immediate}
	for _, group := range []struct {
		name  string
		given []*header
		to    *[]fieldOf
	}{{"has_header", e.HasHeader, &out.has}, {"no_header", e.NoHeader, &out.no}} {
		for i, h := range group.given {
			if h.Key == "" {
				return nil, fmt.Errorf("%s[%d] has no key", group.name, i)
			}
			*group.to = append(*group.to, fieldOf{strings.ToLower(h.Key), string(h.Value)})
		}
	}
	for _, group := range []struct {
		name  string
		given []*stringMatcher
		to    *[]matcher
	}{{"headers", e.Headers, &out.lines}, {"body", e.Body, &out.bodies}, {"log", e.Log, &out.log}} {
		for i, given := range group.given {
			m, err := newMatcher(given, f.read)
			if err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", group.name, i, err)
			}
			*group.to = append(*group.to, m)
		}
	}
	return out, nil
}
