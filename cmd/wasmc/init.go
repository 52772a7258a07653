// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/examples"
)

// The languages of wasmc init.
const (
	langGo             = "go"
	langRust           = "rust"
	langAssemblyScript = "assemblyscript"
)

type initOptions struct {
	lang string
}

func newInitCommand(s streams) *cobra.Command {
	o := &initOptions{}
	command := &cobra.Command{
		Use:   "init DIR",
		Short: "Write a new filter with tests and a Makefile",
		Long: `Write a new filter into a directory: its source, test cases, a schema of its configuration, and a
Makefile that builds it, runs these, and pushes it with the schema. It adds a header to each
response, which its configuration can change.

The directory must be absent or empty. go needs Go 1.24 or later, rust needs rustup, and
assemblyscript needs node with npm.`,
		Example: `  # Write a filter in Go, build it and run its test cases
  wasmc init my-filter && make -C my-filter

  # Write one in Rust
  wasmc init --lang rust my-filter`,
		Args: exactly("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			return wrap(o.run(s, args[0]), "init %s", args[0])
		},
	}
	lang := &choice{value: &o.lang, allowed: []string{langGo, langRust, langAssemblyScript}}
	lang.bind(command, "lang", "", "language of the filter")
	return command
}

// skeleton is what a new filter is made of.
type skeleton struct {
	source embed.FS
	root   string            // of the source
	added  map[string]string // files besides, with their content
}

// skeletonOf returns that of a language.
func skeletonOf(lang, name string) skeleton {
	switch lang {
	case langRust:
		return skeleton{examples.Rust, "add-header-rust", map[string]string{
			"Makefile": makefile("$(shell find src -type f) Cargo.toml Cargo.lock rust-toolchain.toml build.sh", "./build.sh", ""),
		}}
	case langAssemblyScript:
		return skeleton{examples.AssemblyScript, "add-header-assemblyscript", map[string]string{
			"Makefile": makefile("$(shell find assembly -type f) package.json package-lock.json build.sh", "./build.sh", " --root-id add_header"),
		}}
	}
	return skeleton{examples.Go, "add-header", map[string]string{
		"Makefile": makefile("always", // go build knows what it is made of
			"GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o $@ .", ""),
		"go.mod": "module " + name + "\n\ngo 1.24\n",
	}}
}

// makefile builds filter.wasm of the sources by a command, and runs it with more flags.
func makefile(sources, command, flags string) string {
	return `# make: build filter.wasm and run its cases. make watch: run them again after each change of the files.
# make run: run it in an Envoy on this machine, and each new version of it.
# make push IMAGE=registry.example/team/filter:v1: push it.
.PHONY: test watch run push always

test: filter.wasm
	wasmc test filter.wasm -f tests.yaml

watch: filter.wasm
	wasmc test filter.wasm -f tests.yaml --watch

run: filter.wasm
	wasmc run filter.wasm` + flags + `

push: test
	wasmc push $(IMAGE) -f filter.wasm --schema schema.yaml

filter.wasm: ` + sources + `
	` + command + `
`
}

func (o *initOptions) run(s streams, dir string) error {
	if err := requireEmpty(dir); err != nil {
		return err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	files, err := skeletonOf(o.lang, moduleName(filepath.Base(absolute))).files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := f.write(dir); err != nil {
			return err
		}
		fmt.Fprintln(s.Out, filepath.Join(dir, filepath.FromSlash(f.name)))
	}
	fmt.Fprintf(s.Err, "hint: make -C %s builds the filter and runs its cases\n", quoted([]string{dir}))
	return nil
}

// requireEmpty refuses a directory that has anything.
func requireEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("the directory is not empty: it has %s; name another", entries[0].Name())
	}
	return nil
}

// moduleName makes a module path of a directory's name.
func moduleName(dir string) string {
	name := strings.Trim(notInModules.ReplaceAllString(strings.ToLower(dir), "-"), "-.")
	switch name {
	case "":
		return "filter"
	case "go", "toolchain", "std", "cmd", "main", "all", "tool", "work": // which mean something else to Go
		return name + "-filter"
	}
	return name
}

var notInModules = regexp.MustCompile(`[^a-z0-9._-]+`)

// newFile is a file to write.
type newFile struct {
	name    string // with slashes
	content string
	mode    fs.FileMode
}

func (f newFile) write(dir string) error {
	target := filepath.Join(dir, filepath.FromSlash(f.name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, []byte(f.content), f.mode)
}

// files are all of the skeleton, with the module called filter.wasm.
func (k skeleton) files() ([]newFile, error) {
	var files []newFile
	err := fs.WalkDir(k.source, k.root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := k.source.ReadFile(name)
		files = append(files, newFile{strings.TrimPrefix(name, k.root+"/"), adapted(string(content)), modeOf(name)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the example in wasmc itself: %w", err)
	}
	for name, content := range k.added {
		files = append(files, newFile{name, content, modeOf(name)})
	}
	slices.SortFunc(files, func(a, b newFile) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// adapted is a file of an example as that of a new filter, whose module is filter.wasm.
func adapted(content string) string { return ofExamples.Replace(content) }

var ofExamples = strings.NewReplacer(
	"// SPDX-License-Identifier: Apache-2.0\n\n", "", // whose filter it is chooses a license
	"../../bin/add-header.wasm   # make wasm", "filter.wasm", "add-header.wasm", "filter.wasm", " See README.md.\n", "\n",
)

func modeOf(name string) fs.FileMode {
	if path.Ext(name) == ".sh" {
		return 0o755
	}
	return 0o644
}
