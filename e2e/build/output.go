// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"fmt"
	"strings"
)

// output takes what `go build -v` prints. It has a task say which package is compiled or downloaded, and keeps all
// else, which is why a build failed.
type output struct {
	task     *task
	packages int
	line     []byte // that has not ended yet
	messages bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	for _, part := range bytes.SplitAfter(p, []byte("\n")) {
		o.line = append(o.line, part...)
		if bytes.HasSuffix(part, []byte("\n")) {
			o.take(string(o.line[:len(o.line)-1]))
			o.line = o.line[:0]
		}
	}
	return len(p), nil
}

// take sorts a line by its form: an error has a space, a position or both.
func (o *output) take(line string) {
	if module, ok := strings.CutPrefix(line, "go: downloading "); ok {
		o.task.doing("downloading " + module)
		return
	}
	if line == "" || strings.ContainsAny(line, " \t:") {
		fmt.Fprintln(&o.messages, line)
		return
	}
	o.packages++
	o.task.doing(fmt.Sprintf("compiling package %d, %s", o.packages, line))
}

// String is what was neither compiled nor downloaded.
func (o *output) String() string { return o.messages.String() + string(o.line) }
