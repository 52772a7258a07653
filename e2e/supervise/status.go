// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/autowasm/autowasm/e2e/env"
)

// Status prints whether the system in dir is up, where its parts are, and which of them died; for these it returns
// ErrUnhealthy.
func (s System) Status(dir Dir, out io.Writer) error {
	running, err := dir.running()
	if err != nil {
		return err
	}
	if !running {
		fmt.Fprintf(out, "The %s is down.\n", s.Name)
		return s.reportEnd(dir, out)
	}
	now, err := dir.readState()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The %s is %s (process %d, since %s).\n", s.Name, now.Phase, now.PID, now.Since.Format(time.TimeOnly))
	if now.Phase == ready {
		if err := printEndpoints(dir, out); err != nil {
			return err
		}
	}
	printFailures(out, now)
	if len(now.Failures) > 0 {
		return s.unhealthy()
	}
	return nil
}

func printEndpoints(dir Dir, out io.Writer) error {
	variables, err := env.ReadVariables(dir.variables())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range variables {
		if v.Value != "" && !strings.HasSuffix(v.Name, "PASSWORD") {
			fmt.Fprintf(table, "  %s\t%s\n", v.Name, v.Value)
		}
	}
	fmt.Fprintf(table, "  logs\t%s\n", dir.logs())
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "To use it: . %s\n", dir.variables())
	return nil
}

func printFailures(out io.Writer, s state) {
	for _, failure := range s.Failures {
		fmt.Fprintln(out, failure)
	}
}

// printTail shows the supervisor's last words.
func printTail(out io.Writer, dir Dir) {
	tail, err := env.Tail(dir.log(), 10)
	if err != nil {
		tail = []string{err.Error()}
	}
	fmt.Fprintf(out, "Its log %s ends:\n  %s\n", dir.log(), strings.Join(tail, "\n  "))
}
