// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A test file of the example in Rust, of which the second case fails.
const cases = `test:
- name: adds the header
  benchmark: true
  response_headers: {result: {has_header: [{key: hello, value: world}]}}
- name: adds another
  response_headers: {result: {has_header: [{key: hello, value: there}]}}
`

// rustFilter writes the example in Rust and the test files into the working directory, and returns it.
func rustFilter(t *testing.T) {
	t.Helper()
	wasm := read(t, "../../examples/add-header-rust/add-header.wasm")
	assemblyScript := read(t, "../../examples/add-header-assemblyscript/add-header.wasm")
	at(t)
	write(t, "filter.wasm", []byte(wasm))
	write(t, "as.wasm", []byte(assemblyScript))
	write(t, "bad.yaml", []byte(cases))
	write(t, "good.yaml", []byte(strings.ReplaceAll(cases, "there", "world")))
	write(t, "own.textpb", []byte(`env { wasm_path: "filter.wasm" } test { name: "a" response_headers { } }`))
	write(t, "broken.yaml", []byte("test:\n- nam: a\n"))
	write(t, "config", []byte("there"))
}

func TestTest(t *testing.T) {
	rustFilter(t)
	const note = "note: good.yaml: benchmarks (1) are not run: the speed of this host says nothing about Envoy's\n"
	failed := strings.NewReplacer("ok    adds the header\n", `FAIL  adds the header
      response_headers: header hello is "there", want "world"
`, "ok    adds another\n", `FAIL  adds another
      response_headers: header hello is "there", want "world"
`, "2 passed", "0 passed, 2 failed")
	passed := "ok    adds the header\nok    adds another\n" + note + "good.yaml: 2 passed\n"
	tests := []struct {
		args string
		want result
	}{
		{"filter.wasm -f good.yaml", result{Out: passed}},
		{"./filter.wasm -f good.yaml --config config", result{
			Code: exitFailed, Out: failed.Replace(passed), Err: "wasmc: test: 2 of 2 cases failed\n",
		}},
		{"-f own.textpb", result{Out: "ok    a\nown.textpb: 1 passed\n"}},
		{"filter.wasm -f own.textpb -f own.textpb", result{Out: "ok    a\nown.textpb: 1 passed\nok    a\nown.textpb: 1 passed\n"}},
		{"as.wasm -f good.yaml --root-id add_header -o tap", result{
			Code: exitFailed, Err: "wasmc: test: 2 of 2 cases failed\n",
			Out: "TAP version 14\n1..2\n# " + strings.TrimPrefix(note, "note: ") +
				"not ok 1 - adds the header\n  ---\n  failures:\n  - 'response_headers: header hello is \"world!\", want \"world\"'\n  file: good.yaml\n  ...\n" +
				"not ok 2 - adds another\n  ---\n  failures:\n  - 'response_headers: header hello is \"world!\", want \"world\"'\n  file: good.yaml\n  ...\n",
		}},
		{"filter.wasm -f broken.yaml", result{Code: exitUsage, Err: "wasmc: test: broken.yaml:2: unknown field \"nam\": did you mean name?\n"}},
		{"filter.wasm -f absent.yaml", result{Code: exitUsage, Err: "wasmc: test: read the test file absent.yaml: stat absent.yaml: no such file or directory\n"}},
		{"absent.wasm -f good.yaml", result{Code: exitUsage, Err: "wasmc: test: absent.wasm: not a file: stat absent.wasm: no such file or directory\n"}},
		{"config -f good.yaml", result{Code: exitUsage, Err: "wasmc: test: config: REFUSAL\n"}},
		{"-f good.yaml", result{Code: exitUsage, Err: "wasmc: test: which module to test: wasmc test FILE -f good.yaml, or env.wasm_path in the file\n"}},
		{"filter.wasm -f good.yaml --config absent", result{Code: exitUsage, Err: "wasmc: test: read --config: stat absent: no such file or directory\n"}},
		{"filter.wasm -f good.yaml --config /dev/null", result{Code: exitUsage, Err: "wasmc: test: read --config: /dev/null is not a regular file\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			got := wasmc(t, "", append([]string{"test"}, strings.Fields(tt.args)...)...)
			if refusal, ok := strings.CutPrefix(got.Err, "wasmc: test: config: "); ok && strings.Contains(refusal, "not a WebAssembly module") {
				got.Err = "wasmc: test: config: REFUSAL\n"
			}
			expect(t, tt.want, got)
		})
	}
}

func TestTestAnImage(t *testing.T) {
	rustFilter(t)
	image := newRegistry(t) + "/team/filter:v1"
	succeed(t, "push", image, "-f", "filter.wasm")
	if out := succeed(t, "test", image, "-f", "good.yaml"); !strings.HasSuffix(out, "good.yaml: 2 passed\n") {
		t.Errorf("printed %s", out)
	}
	piped := wasmc(t, read(t, "filter.wasm"), "test", "-", "-f", "good.yaml")
	if piped.Code != exitOK {
		t.Errorf("from standard input: %+v", piped)
	}
}

// TestTestForScripts: JSON has the report, and JUnit the same.
func TestTestForScripts(t *testing.T) {
	rustFilter(t)
	got := wasmc(t, "", "test", "filter.wasm", "-f", "bad.yaml", "-o", "json")
	for _, part := range []string{`"passed": 1,`, `"failed": 1`, `"module": "filter.wasm"`, `"response_headers: header hello is \"world\", want \"there\""`} {
		if !strings.Contains(got.Out, part) {
			t.Errorf("no %s in %s", part, got.Out)
		}
	}
	xml := wasmc(t, "", "test", "filter.wasm", "-f", "bad.yaml", "-o", "junit")
	if !strings.Contains(xml.Out, `<testsuites tests="2" failures="1">`) || xml.Code != exitFailed || got.Code != exitFailed {
		t.Errorf("%+v", xml)
	}
}

// TestTestWatches: the cases are run again when a file changes, a mistake is printed and repaired by the next change, and the
// end of the context is the end.
func TestTestWatches(t *testing.T) {
	rustFilter(t)
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "tests.yaml", []byte(cases))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs strings.Builder
		done := make(chan int)
		go func() {
			done <- run(ctx, streams{In: strings.NewReader(""), Out: &out, Err: &errs}, plainName, []string{"test", "filter.wasm", "-f", "tests.yaml", "--watch"})
		}()
		// The clock of the bubble stands while files are read, and their times are those of the machine.
		for i, content := range []string{"test: 1\n", strings.ReplaceAll(cases, "there", "world")} {
			time.Sleep(10 * pollInterval)
			path := filepath.Join(dir, "tests.yaml")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			later := time.Now().Add(time.Duration(i+1) * time.Hour)
			if err := os.Chtimes(path, later, later); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * pollInterval)
		cancel()
		code := <-done
		want := []string{"tests.yaml: 1 passed, 1 failed\n", "tests.yaml: 2 passed\n"}
		var got []string
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "tests.yaml") {
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || code != exitFailed {
			t.Errorf("%d (-want +got)\n%s", code, diff)
		}
		wantErr := "wasmc: 1 of 2 cases failed\nwasmc: tests.yaml:1: test has to be a sequence, with - before each item, and is \"1\"\nwasmc: interrupted\n"
		if diff := cmp.Diff(wantErr, errs.String()); diff != "" {
			t.Errorf("standard error (-want +got)\n%s", diff)
		}
	})
}
