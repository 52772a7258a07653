// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const good = `{"Action":"start","Package":"github.com/autowasm/autowasm/certs"}
{"Action":"run","Package":"github.com/autowasm/autowasm/certs","Test":"TestA"}
{"Action":"output","Package":"github.com/autowasm/autowasm/certs","Test":"TestA","Output":"--- FAIL: no\n"}
{"Action":"pass","Package":"github.com/autowasm/autowasm/certs","Test":"TestA"}
{"Action":"pass","Package":"github.com/autowasm/autowasm/certs"}
`

const bad = `{"Action":"fail","Package":"github.com/autowasm/autowasm/certs","Test":"TestA/x"}
{"Action":"fail","Package":"github.com/autowasm/autowasm/certs","Test":"TestA"}
{"Action":"skip","Package":"github.com/autowasm/autowasm/certs","Test":"TestB"}
{"Action":"fail","Package":"github.com/autowasm/autowasm/certs"}
{"ImportPath":"github.com/autowasm/autowasm/fetch","Action":"build-fail"}
{"Action":"fail","Package":"github.com/autowasm/autowasm/fetch"}
{"Action":"skip","Package":"github.com/autowasm/autowasm/internal/none"}
`

func TestFigures(t *testing.T) {
	all := newTally("unit tests")
	for path, output := range map[string]string{"1.json": good, "2.json": bad} {
		all.runs++
		if err := all.read(strings.NewReader(output), path); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	printFigures(&out, []*tally{all})
	want := `
            runs  passed  failed  skipped  time
unit tests  2     1       3       1        0s
failed 1 times in unit tests: certs.TestA
  2.json
failed 1 times in unit tests: certs.TestA/x
  2.json
failed 1 times in unit tests: fetch
  2.json
skipped 1 times in unit tests: certs.TestB
  2.json
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestVerdict(t *testing.T) {
	for output, want := range map[string]string{
		good: "", bad: "4 tests failed or were skipped",
		`{"Action":"skip","Package":"a","Test":"T"}` + "\n" + `{"Action":"pass","Package":"a"}`: "1 tests failed or were skipped",
		`{"Action":"pass","Package":"a"}`: "no test was run",
	} {
		one := newTally("")
		if err := one.read(strings.NewReader(output), ""); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := verdict([]*tally{newTally(""), one}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q, want %q, of\n%s", got, want, output)
		}
	}
}

// TestOutputThatIsNone: a run that ended before it tested anything, or in the middle of a line, is an error.
func TestOutputThatIsNone(t *testing.T) {
	for _, output := range []string{"", good[:60], `{"Action":"run","Package":"a","Test":"T"}`} {
		if err := newTally("").read(strings.NewReader(output), "x.json"); err == nil || !strings.Contains(err.Error(), "x.json") {
			t.Errorf("%q: %v", output, err)
		}
	}
}
