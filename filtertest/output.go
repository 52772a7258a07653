// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/autowasm/autowasm/internal/text"
)

// Print writes the report for people: a line for each case, and below one that failed, why and its log.
func (r *Report) Print(w io.Writer) error {
	var out strings.Builder
	for _, s := range r.Suites {
		for _, c := range s.Cases {
			c.print(&out)
		}
		for _, note := range s.Notes {
			fmt.Fprintf(&out, "note: %s: %s\n", text.OneLine(s.File), note)
		}
		fmt.Fprintf(&out, "%s: %s\n", text.OneLine(s.File), counted(len(s.Cases), s.Failed()))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func counted(cases, failed int) string {
	if failed == 0 {
		return fmt.Sprintf("%d passed", cases)
	}
	return fmt.Sprintf("%d passed, %d failed", cases-failed, failed)
}

func (c *Result) print(out *strings.Builder) {
	verdict := "ok  "
	if !c.Passed {
		verdict = "FAIL"
	}
	fmt.Fprintf(out, "%s  %s\n", verdict, text.OneLine(c.Name))
	for _, line := range c.Failures {
		fmt.Fprintf(out, "      %s\n", line)
	}
	for _, line := range c.Notes {
		fmt.Fprintf(out, "      note: %s\n", line)
	}
	for _, line := range c.Log {
		fmt.Fprintf(out, "      log: %s\n", line)
	}
}

// PrintTAP writes the report as the Test Anything Protocol, version 14. The notes of a file are comments.
func (r *Report) PrintTAP(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "TAP version 14\n1..%d\n", r.Passed+r.Failed)
	number := 0
	for _, s := range r.Suites {
		for _, note := range s.Notes {
			fmt.Fprintf(&out, "# %s: %s\n", text.OneLine(s.File), note)
		}
		for _, c := range s.Cases {
			number++
			if err := c.printTAP(&out, number, s.File); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// described escapes what ends a description.
var described = strings.NewReplacer(`\`, `\\`, "#", `\#`)

func (c *Result) printTAP(out *strings.Builder, number int, file string) error {
	if c.Passed {
		fmt.Fprintf(out, "ok %d - %s\n", number, described.Replace(text.OneLine(c.Name)))
		return nil
	}
	fmt.Fprintf(out, "not ok %d - %s\n", number, described.Replace(text.OneLine(c.Name)))
	detail := map[string]any{"file": file, "failures": c.Failures}
	if len(c.Notes) > 0 {
		detail["notes"] = c.Notes
	}
	if len(c.Log) > 0 {
		detail["log"] = c.Log
	}
	block, err := yaml.Marshal(detail)
	if err != nil {
		return fmt.Errorf("write the details of %s: %w", c.Name, err)
	}
	out.WriteString("  ---\n")
	for line := range strings.Lines(string(block)) {
		out.WriteString("  " + line)
	}
	out.WriteString("  ...\n")
	return nil
}

// The elements of a report of JUnit, as its readers in CI systems know them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// PrintJUnit writes the report as XML of JUnit: a suite for each file. The class of a case is what was tested.
func (r *Report) PrintJUnit(w io.Writer) error {
	all := junitSuites{Tests: r.Passed + r.Failed, Failures: r.Failed}
	for _, s := range r.Suites {
		all.Suites = append(all.Suites, s.junit())
	}
	content, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report of JUnit: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(content)+"\n")
	return err
}

func (s *Suite) junit() junitSuite {
	out := junitSuite{Name: s.File, Tests: len(s.Cases), Failures: s.Failed()}
	total := 0.0
	for _, c := range s.Cases {
		one := junitCase{Name: text.OneLine(c.Name), Class: s.Module, Time: seconds(c.Seconds)}
		if !c.Passed {
			lines := append(append([]string{}, c.Failures...), c.Notes...)
			one.Failure = &junitFailure{Message: c.Failures[0], Text: strings.Join(lines, "\n")}
			one.Output = strings.Join(c.Log, "\n")
		}
		total += c.Seconds
		out.Cases = append(out.Cases, one)
	}
	out.Time = seconds(total)
	return out
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
