// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInit: what is written in each language, and that its cases pass with the example that it is made of. That in Go is built
// by TestDocumentedInit.
func TestInit(t *testing.T) {
	tests := map[string]string{
		"go":             "Makefile config.go config_test.go doc.go elsewhere.go filter.go go.mod host.go memory.go tests.yaml",
		"rust":           ".gitignore Cargo.lock Cargo.toml Makefile build.sh rust-toolchain.toml src/lib.rs tests.yaml",
		"assemblyscript": ".gitignore Makefile assembly/index.ts build.sh package-lock.json package.json tests.yaml",
	}
	compiled := map[string]string{}
	for _, lang := range []string{"rust", "assemblyscript"} {
		compiled[lang] = read(t, "../../examples/add-header-"+lang+"/add-header.wasm")
	}
	at(t)
	for lang, files := range tests {
		dir := "a-" + lang
		var want strings.Builder
		for name := range strings.FieldsSeq(files) {
			want.WriteString(filepath.Join(dir, name) + "\n")
		}
		expect(t, result{Out: want.String(), Err: "hint: make -C " + dir + " builds the filter and runs its cases\n"}, wasmc(t, "", "init", "--lang", lang, dir))
		for name := range strings.FieldsSeq(files) {
			if content := read(t, filepath.Join(dir, name)); regexp.MustCompile(`add-header\.wasm|README|SPDX`).MatchString(content) {
				t.Errorf("%s of %s is that of the example", name, lang)
			}
		}
		if compiled[lang] != "" {
			write(t, filepath.Join(dir, "filter.wasm"), []byte(compiled[lang]))
			succeed(t, "test", "-f", filepath.Join(dir, "tests.yaml"))
		}
	}
	if info, err := os.Stat("a-rust/build.sh"); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("build.sh cannot be run: %v %v", info, err)
	}
}

func TestInitRefuses(t *testing.T) {
	at(t)
	if err := os.Mkdir("full", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "full/mine", nil)
	write(t, "file", nil)
	for dir, want := range map[string]string{
		"full": "wasmc: init full: the directory is not empty: it has mine; name another\n",
		"file": "wasmc: init file: open file: not a directory\n",
	} {
		expect(t, result{Code: exitFailed, Err: want}, wasmc(t, "", "init", dir))
	}
}

func TestModuleName(t *testing.T) {
	for dir, want := range map[string]string{"filter": "filter", "My Filter": "my-filter", "/": "filter", "..": "filter", "é": "filter", "a_b.c-1": "a_b.c-1"} {
		if got := moduleName(dir); got != want {
			t.Errorf("moduleName(%q) = %q, want %q", dir, got, want)
		}
	}
}
