// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Reasons are all that there may be for not running a block.
var Reasons = []string{
	"needs a cluster of your own",
	"needs Docker",
}

// Options are those that a marker may have.
var Options = []string{"fails", "eventually", "repeated"}

// A Marker is the comment above a block.
type Marker struct {
	Section Section // "" when no test runs it
	Options []string
}

var name = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// ReadMarker reads a marker, `test: NAME[, OPTION]...` or `not run: REASON`.
func ReadMarker(text string) (m Marker, err error) {
	if reason, ok := strings.CutPrefix(text, "not run: "); ok {
		if !slices.Contains(Reasons, reason) {
			err = fmt.Errorf("%q is no reason for which a block is not run, which are %q", reason, Reasons)
		}
		return m, err
	}
	test, ok := strings.CutPrefix(text, "test: ")
	if !ok {
		return m, fmt.Errorf("%q is neither `test: NAME` nor `not run: REASON`", text)
	}
	words := strings.Split(test, ", ")
	if !name.MatchString(words[0]) {
		return m, fmt.Errorf("%q is not a name such as helm-install", words[0])
	}
	for _, option := range words[1:] {
		if !slices.Contains(Options, option) {
			return m, fmt.Errorf("%q is no option, which are %q", option, Options)
		}
	}
	return Marker{Section: Section(words[0]), Options: words[1:]}, nil
}

// A Section is the name of the blocks that one test runs, one after the other.
type Section string

// blocks returns those of the section.
func (s Section) blocks(root string) ([]*Block, error) {
	all, err := Blocks(root)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(b *Block) bool {
		m, err := ReadMarker(b.Marker)
		return err != nil || m.Section != s
	})
	if len(found) == 0 {
		return nil, fmt.Errorf("no block of any page has the marker <!-- test: %s -->", s)
	}
	return found, nil
}
