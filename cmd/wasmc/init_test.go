// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/configschema"
)

// TestInit: what is written in each language, and that its cases pass with the example that it is made of. That in Go is built
// by TestDocumentedInit.
func TestInit(t *testing.T) {
	tests := map[string]string{
		"go":             "Makefile config.go config_test.go doc.go elsewhere.go filter.go go.mod host.go memory.go schema.yaml tests.yaml",
		"rust":           ".gitignore Cargo.lock Cargo.toml Makefile build.sh rust-toolchain.toml schema.yaml src/lib.rs tests.yaml",
		"assemblyscript": ".gitignore Makefile assembly/index.ts build.sh package-lock.json package.json schema.yaml tests.yaml",
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
			requireSchema(t, dir)
		}
	}
	if info, err := os.Stat("a-rust/build.sh"); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("build.sh cannot be run: %v %v", info, err)
	}
}

// requireSchema checks the schema that a filter is written with: it agrees with the filter, and the Makefile pushes it.
func requireSchema(t *testing.T, dir string) {
	t.Helper()
	if !strings.Contains(read(t, filepath.Join(dir, "Makefile")), "--schema schema.yaml") {
		t.Error("the Makefile pushes without the schema")
	}
	rootID := ""
	if strings.HasSuffix(dir, "assemblyscript") {
		rootID = "rootID: add_header"
	}
	for config, want := range map[string]string{
		`"there"`: "schema: it accepts the configuration", "": "schema: it accepts the configuration",
		`"a\r\nb"`: "spec.filter.config: Invalid value: must match the regular expression",
		"{a: 1}":   "spec.filter.config: Invalid value: must be a string, not an object, by the schema in the module",
	} {
		if config != "" {
			config = "config: " + config
		}
		write(t, "aw.yaml", fmt.Appendf(nil, `apiVersion: wasm.tcm.io/v1alpha1
kind: AutoWasm
metadata: {name: a}
spec:
  selector: {matchLabels: {app: a}}
  filter:
    source: {registry: {image: "registry.example/a:v1"}}
    %s
    %s
`, rootID, config))
		got := wasmc(t, "", "check", filepath.Join(dir, "filter.wasm"), "--schema", filepath.Join(dir, "schema.yaml"), "-f", "aw.yaml")
		if !strings.Contains(got.Out, want) || (got.Code == 0) != strings.HasPrefix(want, "schema") {
			t.Errorf("%s: %q: %+v", dir, config, got)
		}
	}
}

// TestInitSchemaOfGo: the schema agrees with the filter, of which TestParseConfig has these configurations.
func TestInitSchemaOfGo(t *testing.T) {
	_, schema, err := configschema.FromFile([]byte(read(t, "../../examples/add-header/schema.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	for config, accepted := range map[string]bool{
		"": true, `"x-team: blue"`: true, `"there"`: true, `{}`: true, `{"header":"x-team","value":"blue"}`: true, `{"value":"Grüße"}`: true,
		`{"value":7}`: false, `"{\"value\":7}"`: false, `{"header":""}`: false, `{"header":"x team"}`: false, `{"value":"a\nb"}`: false,
	} {
		result, err := schema.Validate([]byte(config), nil)
		if err != nil || accepted != (len(result.Errors) == 0) || len(result.Unknown) > 0 {
			t.Errorf("%s: %+v, %v", config, result, err)
		}
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
	for dir, want := range map[string]string{"filter": "filter", "My Filter": "my-filter", "/": "filter", "..": "filter", "é": "filter", "Go": "go-filter", "std": "std-filter", "a_b.c-1": "a_b.c-1"} {
		if got := moduleName(dir); got != want {
			t.Errorf("moduleName(%q) = %q, want %q", dir, got, want)
		}
	}
}
