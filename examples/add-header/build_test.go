// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/fetch/module"
	"github.com/autowasm/autowasm/filtertest"
	"github.com/autowasm/autowasm/host"
)

// build builds the filter as the README says.
func build(t *testing.T) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "add-header.wasm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestEnvoyCanLoadTheFilter(t *testing.T) {
	file := build(t)
	stat, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info, err := module.Inspect(file, stat.Size()); err != nil || info.ABI != "0.2.1" {
		t.Errorf("Inspect = %+v, %v, want 0.2.1", info, err)
	}
	d, err := module.Describe(file, stat.Size())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"allocator": d.Allocator, "entry point": d.EntryPoint, "newest import since": newest(d.Imports)}
	want := map[string]string{"allocator": "proxy_on_memory_allocate", "entry point": "_initialize", "newest import since": "2024-12-19"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	runCases(t, file)
}

// runCases runs the cases of tests.yaml through the built filter.
func runCases(t *testing.T, file *os.File) {
	t.Helper()
	wasm, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	m, err := host.Compile(t.Context(), wasm, host.Interpreter)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close(t.Context()) }()
	cases, err := filtertest.Read("tests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	suite, err := cases.Run(t.Context(), m, filtertest.Options{})
	if err != nil || suite.Failed() > 0 {
		var out strings.Builder
		_ = filtertest.NewReport(suite).Print(&out)
		t.Errorf("%v\n%s", err, &out)
	}
}

// newest is the date since when Envoy provides all of the imports.
func newest(imports []module.Import) string {
	var date string
	for _, i := range imports {
		date = max(date, i.Since)
	}
	return date
}
