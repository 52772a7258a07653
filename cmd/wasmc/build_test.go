// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/autowasm/autowasm/internal/sleep"
)

// fakeProgram puts a program of a tool chain on the PATH, a script of sh.
func fakeProgram(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// TestBuild: each language's commands, and where their module is found. That of Go is built by TestDocumentedInit.
func TestBuild(t *testing.T) {
	const cargo = `echo '{"reason":"compiler-artifact","filenames":["/lib.rlib"]}'
mkdir -p target && cp ../good.wasm target/a.wasm
echo "{\"reason\":\"compiler-artifact\",\"filenames\":[\"$PWD/target/a.wasm\"]}"
echo '{"reason":"build-finished","success":true}'`
	const npm = `[ "$1" = ci ] || cp ../good.wasm out.wasm`
	tests := map[string]struct {
		files, program, script string
		code                   int
		want                   string // on standard error
	}{
		"rust":                 {"Cargo.toml", "cargo", cargo, 0, "+ cargo build --release --target wasm32-wasip1 --message-format json-render-diagnostics\n"},
		"rust, locked":         {"Cargo.toml Cargo.lock", "cargo", cargo, 0, "json-render-diagnostics --locked\n"},
		"rust, a library":      {"Cargo.toml", "cargo", `echo '{"reason":"build-finished"}'`, 1, `crate-type = ["cdylib"]`},
		"rust, a mistake":      {"Cargo.toml", "cargo", `echo 'error: mismatched types' >&2; exit 101`, 1, "error: mismatched types\nwasmc: build dir: cargo build"},
		"assemblyscript":       {"package.json", "npm", npm, 0, "+ npm ci --ignore-scripts --no-audit --no-fund\n+ npm run --silent build\n"},
		"no module":            {"package.json", "npm", "", 1, "npm run build wrote no .wasm file"},
		"what Envoy refuses":   {"package.json", "npm", `[ "$1" = ci ] || echo text > out.wasm`, 1, "dir/filter.wasm: not a WebAssembly module"},
		"another language":     {"main.c", "npm", "", 1, "the language is not known: the directory has none of go.mod, Cargo.toml, package.json"},
		"go before the others": {"go.mod Cargo.toml", "go", `cp ../good.wasm filter.wasm`, 0, "-o filter.wasm .\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			at(t)
			write(t, "good.wasm", wasm)
			if err := os.Mkdir("dir", 0o755); err != nil {
				t.Fatal(err)
			}
			for file := range strings.FieldsSeq(tt.files) {
				write(t, filepath.Join("dir", file), []byte(`{"scripts": {"build": "asc"}}`))
			}
			fakeProgram(t, tt.program, tt.script)
			got := wasmc(t, "", "build", "dir")
			if got.Code != tt.code || !strings.Contains(got.Err, tt.want) {
				t.Errorf("%+v, want %q", got, tt.want)
			}
			if tt.code == 0 && (!strings.HasPrefix(got.Out, "Built dir/filter.wasm: ") || read(t, "dir/filter.wasm") != string(wasm)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestBuildPushes(t *testing.T) {
	at(t)
	write(t, "go.mod", nil)
	write(t, "good.wasm", wasm)
	fakeProgram(t, "go", "cp good.wasm filter.wasm")
	image := newRegistry(t) + "/team/filter:v1"
	got := wasmc(t, "", "build", "--push", image, "-o", "json")
	if got.Code != exitOK || !strings.Contains(got.Out, `"sha256": "`+sum(wasm)+`"`) || strings.Count(got.Out, "{") != 1 {
		t.Errorf("%+v", got)
	}
	succeed(t, "pull", image)
	write(t, "schema.yaml", []byte(keysYAML))
	if got := wasmc(t, "", "build", "--push", image); got.Code != exitOK {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff(keysExplained, succeed(t, "explain", image)); diff != "" {
		t.Errorf("with a schema beside the source: %s", diff)
	}
}

// TestBuildWithoutToolChain: what to install is said.
func TestBuildWithoutToolChain(t *testing.T) {
	at(t)
	write(t, "Cargo.toml", nil)
	t.Setenv("PATH", t.TempDir())
	want := "wasmc: build .: it has Cargo.toml, and cargo is not on the PATH\nhint: install Rust with https://rustup.rs\n"
	expect(t, result{Code: exitFailed, Err: want}, wasmc(t, "", "build"))
}

// TestBuildInterrupted: a tool chain is told to end, and removes what it has begun.
func TestBuildInterrupted(t *testing.T) {
	at(t)
	if err := os.Mkdir("dir", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "dir/go.mod", nil)
	fakeProgram(t, "go", `trap 'rm begun; exit 1' INT; touch begun; while :; do sleep 0.05; done`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat("dir/begun"); err == nil || sleep.For(ctx, time.Millisecond) != nil {
				cancel()
				return
			}
		}
	}()
	var out, errs strings.Builder
	code := run(ctx, streams{In: strings.NewReader(""), Out: &out, Err: &errs}, plainName, []string{"build", "dir"})
	if code != exitFailed || !strings.HasSuffix(errs.String(), "wasmc: interrupted\n") {
		t.Errorf("%d, %s", code, &errs)
	}
	if _, err := os.Stat("dir/begun"); err == nil {
		t.Error("what the tool chain began is left")
	}
}
