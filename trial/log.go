// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"regexp"
	"slices"
	"strings"

	"github.com/autowasm/autowasm/host"
	"github.com/autowasm/autowasm/internal/text"
)

const (
	// maxFirst and maxLast are how many lines of a log are kept from its beginning and from its end.
	maxFirst = 4
	maxLast  = 4
	// maxLine bounds a line, in bytes.
	maxLine = 240
	// maxRaw bounds it until the secrets are out of it, which are recognized only when they are whole: some times the longest
	// value that a variable can have, escaped.
	maxRaw = 64 << 10
)

// collector keeps what a module logs at warn and above.
type collector struct {
	secrets     secrets
	first, last []string // raw
	part        []byte   // of a line that is not ended
	traced      bool
}

// newCollector leaves out the values of variables.
func newCollector(env [][2]string) *collector { return &collector{secrets: secretsOf(env)} }

// stackOfGo begins what a Go program writes of its functions after the reason of a panic.
var stackOfGo = regexp.MustCompile(`^goroutine \d+.* \[`)

// add takes a line as it is written.
func (c *collector) add(l host.Line) {
	if l.Level < host.LevelWarn || c.traced {
		return
	}
	c.part = append(c.part, l.Message[:min(len(l.Message), maxRaw-len(c.part))]...)
	if !l.Partial {
		c.end()
	}
}

// end ends a line, and keeps it.
func (c *collector) end() {
	line := string(c.part)
	c.part = c.part[:0]
	if c.traced = stackOfGo.MatchString(line); c.traced || strings.TrimSpace(line) == "" {
		return
	}
	if len(c.first) < maxFirst {
		c.first = append(c.first, line)
		return
	}
	c.last = append(c.last[max(0, len(c.last)+1-maxLast):], line)
}

// lines returns what was kept, without the secrets.
func (c *collector) lines() []string {
	if len(c.part) > 0 {
		c.end()
	}
	var lines []string
	for _, raw := range slices.Concat(c.first, c.last) {
		lines = append(lines, text.Truncate(strings.ToValidUTF8(c.secrets.redact(raw), "�"), maxLine))
	}
	return lines
}
