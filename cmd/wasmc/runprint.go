// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"sync"

	"github.com/autowasm/autowasm/internal/localenvoy"
)

// printer prints what several goroutines have to say, line by line.
type printer struct {
	streams streams
	mu      sync.Mutex
}

func (p *printer) print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.streams.Out, format, args...)
}

// log prints a message of the log, each line of it with its level.
func (p *printer) log(level, message string) {
	for line := range strings.SplitSeq(strings.TrimRight(message, "\n"), "\n") {
		p.print("%-8s %s\n", level, printable(line))
	}
}

// envoy prints a line of Envoy's log: what Envoy itself says is marked.
func (p *printer) envoy(line localenvoy.Line) {
	message := line.Message
	if !line.Filter {
		message = "Envoy: " + message
	}
	p.log(line.Level, message)
}
