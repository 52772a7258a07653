// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"regexp"
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
	// minSecret is the shortest value of a variable that is left out of the lines: a shorter one is in too many words.
	minSecret = 4
)

// collector keeps what a module logs at warn and above.
type collector struct {
	secrets     *strings.Replacer
	first, last []string
	part        string // of a line that is not ended
	traced      bool
}

// newCollector leaves out the values of variables, which may be secrets.
func newCollector(env [][2]string) *collector {
	var pairs []string
	for _, variable := range env {
		if len(variable[1]) >= minSecret {
			pairs = append(pairs, variable[1], "…")
		}
	}
	return &collector{secrets: strings.NewReplacer(pairs...)}
}

// stackOfGo begins what a Go program writes of its functions after the reason of a panic.
var stackOfGo = regexp.MustCompile(`^goroutine \d+.* \[`)

// add takes a line as it is written.
func (c *collector) add(l host.Line) {
	if l.Level < host.LevelWarn || c.traced {
		return
	}
	line := c.part + text.Truncate(l.Message, 2*maxLine)
	if c.part = ""; l.Partial {
		c.part = line[:min(len(line), 2*maxLine)]
		return
	}
	c.keep(line)
}

// keep takes a whole line.
func (c *collector) keep(line string) {
	if c.traced = stackOfGo.MatchString(line); c.traced || strings.TrimSpace(line) == "" {
		return
	}
	line = text.Truncate(strings.ToValidUTF8(c.secrets.Replace(line), "�"), maxLine)
	if len(c.first) < maxFirst {
		c.first = append(c.first, line)
		return
	}
	c.last = append(c.last[max(0, len(c.last)+1-maxLast):], line)
}

// lines returns what was kept.
func (c *collector) lines() []string {
	if c.part != "" {
		c.keep(c.part)
		c.part = ""
	}
	return append(c.first, c.last...)
}
