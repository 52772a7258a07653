// SPDX-License-Identifier: Apache-2.0

package filtertest

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autowasm/autowasm/host"
)

// addFiles adds the test files that there are, in both forms.
func addFiles(f *testing.F) {
	f.Helper()
	for _, name := range []string{"all", "service-extensions/tests"} {
		for _, extension := range []string{".textpb", ".yaml"} {
			content, err := os.ReadFile("testdata/" + name + extension)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(extension == ".yaml", content)
		}
	}
	f.Add(true, []byte("test: &a [*a]"))
}

// fileName is a name for a test file of a form.
func fileName(yaml bool) string {
	if yaml {
		return "x.yaml"
	}
	return "x.textpb"
}

// FuzzParse reads any file: no panic, and a mistake is one line.
func FuzzParse(f *testing.F) {
	addFiles(f)
	f.Fuzz(func(t *testing.T, yaml bool, content []byte) {
		all, err := parse(fileName(yaml), content)
		if (all == nil) != (err != nil) {
			t.Errorf("%v, %v", all, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q is more than a line", err)
		}
	})
}

// FuzzRun runs the cases of any file on a filter: no panic, an end, and reports that can be read.
func FuzzRun(f *testing.F) {
	addFiles(f)
	for _, name := range []string{"request_headers.data", "response_headers.data"} {
		content, err := os.ReadFile(filepath.Join("testdata/service-extensions", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(false, append([]byte(`test { name: "a" request_headers { input { content: "`), append(bytes.ReplaceAll(content, []byte("\n"), []byte(`\n`)), `" } } }`...)...))
	}
	wasm := filter(onHeaders("request", logHello, pass), onBody("request", untilEnd), onBody("response", untilEnd))
	m, err := host.Compile(f.Context(), wasm, host.Interpreter)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = m.Close(context.Background()) })
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, yaml bool, content []byte) {
		if bytes.Contains(content, []byte("file")) || bytes.Contains(content, []byte("_path")) {
			return // it may name files of this machine
		}
		path := filepath.Join(dir, fileName(yaml))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Read(path)
		if err != nil {
			return
		}
		file.cases = file.cases[:min(len(file.cases), 4)]
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		suite, err := file.Run(ctx, m, Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkReports(t, NewReport(suite))
	})
}

// checkReports writes a report in all forms. Those for programs have to be well formed.
func checkReports(t *testing.T, r *Report) {
	t.Helper()
	var text, tap, junit bytes.Buffer
	if err := errors.Join(r.Print(&text), r.PrintTAP(&tap), r.PrintJUnit(&junit)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(text.String(), 0x1b) || strings.ContainsRune(tap.String(), 0x1b) {
		t.Errorf("a report has control characters: %q", text.String())
	}
	for d := xml.NewDecoder(&junit); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("JUnit: %v\n%s", err, junit.String())
		}
	}
}
