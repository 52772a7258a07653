// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A tally counts what became of tests in some runs.
type tally struct {
	name   string
	runs   int
	passed int
	took   time.Duration
	// failed and skipped are the tests that did, or were, with the output of each run in which they did.
	failed, skipped map[string][]string
}

func newTally(name string) *tally {
	return &tally{name: name, failed: map[string][]string{}, skipped: map[string][]string{}}
}

// event is a line of the output of go test -json.
type event struct{ Action, Package, Test string }

// read counts a run, of which r is the output and path is where that is kept.
func (t *tally) read(r io.Reader, path string) error {
	failedIn := map[string]bool{} // packages
	ended := 0
	for decoder := json.NewDecoder(r); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		switch {
		case e.Test == "":
			if e.Action == "fail" && !failedIn[e.Package] {
				t.failed[short(e.Package)] = append(t.failed[short(e.Package)], path)
			}
			if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
				ended++
			}
		case e.Action == "pass":
			t.passed++
		case e.Action == "fail":
			failedIn[e.Package] = true
			t.failed[e.name()] = append(t.failed[e.name()], path)
		case e.Action == "skip":
			t.skipped[e.name()] = append(t.skipped[e.name()], path)
		}
	}
	if ended == 0 {
		return fmt.Errorf("read %s: no package was tested", path)
	}
	return nil
}

func (e event) name() string { return short(e.Package) + "." + e.Test }

// short is a package's path in this repository.
func short(path string) string { return strings.TrimPrefix(path, "github.com/autowasm/autowasm/") }

func count(of map[string][]string) (n int) {
	for _, paths := range of {
		n += len(paths)
	}
	return n
}

// printFigures prints a line for each tally, and one for each test that failed or was skipped.
func printFigures(out io.Writer, all []*tally) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\n\truns\tpassed\tfailed\tskipped\ttime")
	for _, t := range all {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\n", t.name, t.runs, t.passed, count(t.failed), count(t.skipped), t.took.Round(time.Second))
	}
	table.Flush()
	for _, t := range all {
		printTests(out, "failed", t.name, t.failed)
		printTests(out, "skipped", t.name, t.skipped)
	}
}

func printTests(out io.Writer, what, where string, tests map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		fmt.Fprintf(out, "%s %d times in %s: %s\n  %s\n", what, len(tests[name]), where, name, strings.Join(tests[name], "\n  "))
	}
}

// verdict is an error when a test failed or was skipped, which has shown nothing, or none was run.
func verdict(all []*tally) error {
	bad, passed := 0, 0
	for _, t := range all {
		bad += count(t.failed) + count(t.skipped)
		passed += t.passed
	}
	if bad > 0 {
		return fmt.Errorf("%d tests failed or were skipped", bad)
	}
	if passed == 0 {
		return errors.New("no test was run")
	}
	return nil
}
