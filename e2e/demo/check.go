// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// check returns nil when the answer of a step is the tutorial's. Began is when the demo did.
func (s step) check(answer string, began time.Time) error {
	for _, words := range s.shows {
		if !strings.Contains(answer, words) {
			return fmt.Errorf("the answer of this command lacks %q: %s", words, s.run)
		}
	}
	for _, words := range s.lacks {
		if strings.Contains(answer, words) {
			return fmt.Errorf("the answer of this command has %q: %s", words, s.run)
		}
	}
	if s.same && !sameFirstWord(answer) {
		return fmt.Errorf("the lines that this command answered are not of the same module: %s", s.run)
	}
	if s.older {
		return checkOlder(answer, time.Since(began))
	}
	return nil
}

func sameFirstWord(answer string) bool {
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	for _, line := range lines {
		if len(line) == 0 || strings.Fields(line)[0] != strings.Fields(lines[0])[0] {
			return false
		}
	}
	return true
}

// uptime is what Envoy says of how long its process has run.
var uptime = regexp.MustCompile(`"uptime_current_epoch": "(\d+)s"`)

// slack is how many seconds Envoy's count may be behind: it counts whole ones, and was asked a moment ago.
const slack = 2

// checkOlder returns nil when a process has run for longer than the demo.
func checkOlder(answer string, demo time.Duration) error {
	match := uptime.FindStringSubmatch(answer)
	if match == nil {
		return fmt.Errorf("find how long Envoy has run in its answer: %s", answer)
	}
	seconds, err := strconv.Atoi(match[1])
	if err != nil {
		return fmt.Errorf("read how long Envoy has run: %w", err)
	}
	if has := time.Duration(seconds+slack) * time.Second; has < demo {
		return fmt.Errorf("an Envoy that has run for %ds was restarted: the demo has run for %s", seconds, demo.Round(time.Second))
	}
	return nil
}
