// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestOutput: the forms of a report. A name cannot have what a form, or a terminal, would obey.
func TestOutput(t *testing.T) {
	report := NewReport(
		Suite{File: "a.textpb", Module: "filter.wasm", Notes: []string{"1 of the cases wants a benchmark"}, Cases: []Result{
			{Name: "adds the header", Passed: true, Seconds: 0.0125},
			{
				Name: "#2 \\ <&\"\x1b[2J\n", Failures: []string{`request_headers: header x is "1", want "2: <"`, "request: the filter holds it to the end"},
				Notes: []string{"the filter uses the property a.b, which a proxy may have and this host does not"}, Log: []string{"info: a", "warn: b: c"}, Seconds: 1,
			},
		}},
		Suite{File: "b.yaml", Module: "filter.wasm", Cases: []Result{{Name: "c", Passed: true}}},
	)
	for name, print := range map[string]func(io.Writer) error{
		"report.txt": report.Print, "report.tap": report.PrintTAP, "report.xml": report.PrintJUnit,
	} {
		var out bytes.Buffer
		if err := print(&out); err != nil {
			t.Fatal(err)
		}
		path := "testdata/" + name
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if report.Passed != 2 || report.Failed != 1 {
		t.Errorf("%d passed, %d failed", report.Passed, report.Failed)
	}
}

func TestJUnitIsXML(t *testing.T) {
	var out bytes.Buffer
	report := NewReport(Suite{File: "\x00", Cases: []Result{{Name: "\xff\x00]]>", Failures: []string{"a: \x01]]>"}, Log: []string{"\x02"}}}})
	if err := report.PrintJUnit(&out); err != nil {
		t.Fatal(err)
	}
	for decoder := xml.NewDecoder(&out); ; {
		if _, err := decoder.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
