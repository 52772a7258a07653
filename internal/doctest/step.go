// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A step is a command of a section.
type step struct {
	block             *Block
	index             int    // of the command in its block
	command           string // one or more lines
	want              *output
	fails, eventually bool
}

// A file is one that commands of a section read.
type file struct{ name, content string }

// An output is what a page says that a command prints: "" when it says nothing.
type output struct {
	block *Block
	text  string
}

// stepsOf are the commands of blocks, in order, and the files.
func stepsOf(blocks []*Block) (steps []*step, files []file, err error) {
	for _, b := range blocks {
		m, err := ReadMarker(b.Marker)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", b, err)
		}
		switch b.Language {
		case "console":
			commands := withOptions(commandsOf(b), m)
			if slices.Contains(m.Options, "repeated") {
				commands = slices.DeleteFunc(commands, func(c *step) bool { return has(steps, c) })
			}
			steps = append(steps, commands...)
		case "sh":
			steps = append(steps, withOptions([]*step{{block: b, command: b.Text, want: &output{}}}, m)...)
		case "text":
			if len(steps) == 0 || steps[len(steps)-1].want.text != "" {
				return nil, nil, fmt.Errorf("%s: no command before it prints this", b)
			}
			last := steps[len(steps)-1]
			last.want, last.eventually = &output{b, b.Text}, slices.Contains(m.Options, "eventually")
		default:
			found := filesOf(b)
			if len(found) == 0 {
				return nil, nil, fmt.Errorf("%s: no line # FILE says which file this is", b)
			}
			files = append(files, found...)
		}
	}
	return steps, files, nil
}

func withOptions(commands []*step, m Marker) []*step {
	for i, c := range commands {
		c.eventually = slices.Contains(m.Options, "eventually")
		c.fails = slices.Contains(m.Options, "fails") && i == len(commands)-1
	}
	return commands
}

// has reports whether there is a step with the same command.
func has(steps []*step, c *step) bool {
	return slices.ContainsFunc(steps, func(s *step) bool { return s.command == c.command })
}

const prompt = "$ "

// commandsOf are the commands of a console, each with what follows until the next.
func commandsOf(b *Block) (commands []*step) {
	var last *step
	var rest continuation
	for line := range strings.Lines(b.Text) {
		command, prompted := strings.CutPrefix(line, prompt)
		switch {
		case rest.open():
			last.command += line
			rest.next(line)
		case prompted:
			last = &step{block: b, index: len(commands), command: command, want: &output{block: b}}
			commands = append(commands, last)
			rest.next(command)
		case last != nil:
			last.want.text += line
		}
	}
	return commands
}

// A continuation knows whether a command goes on in the next line: in a here-document, or after a backslash.
type continuation struct {
	end       string // of the here-document
	backslash bool
}

var hereDocument = regexp.MustCompile(`<<-?\s*['"]?(\w+)['"]?`)

func (c *continuation) open() bool { return c.end != "" || c.backslash }

func (c *continuation) next(line string) {
	line = strings.TrimRight(line, "\n")
	if c.end != "" {
		if strings.TrimSpace(line) == c.end {
			c.end = ""
		}
		return
	}
	if match := hereDocument.FindStringSubmatch(line); match != nil {
		c.end = match[1]
	}
	c.backslash = strings.HasSuffix(line, `\`)
}

var fileName = regexp.MustCompile(`^# ([A-Za-z0-9._-]+)$`)

// filesOf are the files in a block: each begins with its name in a comment. A line --- between two belongs to none.
func filesOf(b *Block) (files []file) {
	for line := range strings.Lines(b.Text) {
		last := len(files) - 1
		if match := fileName.FindStringSubmatch(strings.TrimRight(line, "\n")); match != nil {
			if last >= 0 {
				files[last].content = strings.TrimSuffix(files[last].content, "---\n")
			}
			files = append(files, file{name: match[1]})
		} else if last >= 0 {
			files[last].content += line
		}
	}
	return files
}
