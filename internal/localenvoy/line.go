// SPDX-License-Identifier: Apache-2.0

package localenvoy

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// logFormat has the level, the logger and the message as a string of JSON, so that each message is one line.
const logFormat = "%l %n %j"

// maxLine bounds a line of the log, in bytes. A longer one is cut.
const maxLine = 64 << 10

// Line is a line of the log.
type Line struct {
	Level   string // trace, debug, info, warn, error or critical
	Message string // may have line breaks
	// Filter says that the filter wrote it, and not Envoy.
	Filter bool
}

// parsed is a line of Envoy's standard error.
type parsed struct {
	Line
	logger string // "" for a line that has another form, as of a crash
}

// wasmLog is how Envoy begins the message of a filter: with its name unless it is only tried, its rootID unless that is empty,
// and the vm_id.
var wasmLog = regexp.MustCompile(`^wasm log(?: .*?)? filter-[0-9a-f]{12}: `)

func parse(text string) parsed {
	level, rest, _ := strings.Cut(text, " ")
	logger, quoted, ok := strings.Cut(rest, " ")
	var message string
	if !ok || json.Unmarshal([]byte(`"`+quoted+`"`), &message) != nil {
		return parsed{Line: Line{Level: "error", Message: text}}
	}
	if level == "warning" {
		level = "warn"
	}
	p := parsed{Line{Level: level, Message: message}, logger}
	if start := wasmLog.FindString(message); start != "" && logger == "wasm" {
		p.Message, p.Filter = strings.TrimSuffix(message[len(start):], "\n"), true
	}
	return p
}

// isFailure is whether Envoy says that something does not work.
func (p parsed) isFailure() bool {
	return !p.Filter && (p.Level == "error" || p.Level == "critical" || p.Level == "warn" && p.logger == "config")
}

// isShown is whether the line says something about the filter, or why Envoy ends, and not only what follows from another.
func (p parsed) isShown() bool {
	switch {
	case p.Filter:
		return true
	case p.logger == "wasm":
		return (p.isFailure() || p.Level == "warn") && !strings.HasPrefix(p.Message, "Plugin ")
	}
	return p.isFailure() && p.Level != "warn"
}

// lineWriter calls a function with each line that is written.
type lineWriter struct {
	line func(string)
	rest []byte
}

// Write never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for {
		head, tail, found := bytes.Cut(p, []byte("\n"))
		if room := maxLine - len(w.rest); len(head) > room {
			head = head[:room]
		}
		w.rest = append(w.rest, head...)
		if !found {
			return n, nil
		}
		w.line(string(w.rest))
		w.rest, p = w.rest[:0], tail
	}
}
