// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// license is the line that names the license of a source.
const license = "SPDX-License-Identifier: Apache-2.0"

// comments are how a line is a comment in sources, by the file's extension or name.
var comments = map[string]string{
	".go": "// %", ".rs": "// %", ".ts": "// %", ".js": "// %", ".mjs": "// %", ".css": "/* % */", ".html": "<!-- % -->",
	".sh": "# %", ".py": "# %", "Makefile": "# %", "run": "# %",
}

// What has no line: what is not ours, what is built, what tests read, and the sources of compiled filters that are
// committed. These are tied to every byte of their source, whose license is in package.json and Cargo.toml.
var unlicensed = []string{".git", ".local", "bin", "testdata", "node_modules", "target", "add-header-assemblyscript", "add-header-rust"}

// TestEverySourceNamesItsLicense in its first lines. In Go a blank line keeps it out of the package's documentation.
func TestEverySourceNamesItsLicense(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if err == nil && slices.Contains(unlicensed, entry.Name()) {
				return filepath.SkipDir
			}
			return err
		}
		comment, ok := comments[filepath.Ext(path)]
		if !ok {
			comment, ok = comments[entry.Name()]
		}
		if !ok {
			return nil
		}
		seen++
		if want := strings.Replace(comment, "%", license, 1); !names(read(t, path), want, filepath.Ext(path) == ".go") {
			t.Errorf("%s does not name its license: begin it with %q, below build constraints or #! and, in Go, above a blank line", path, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 900 {
		t.Errorf("there are %d sources: they are not found any more", seen)
	}
}

var constraints = regexp.MustCompile(`^(//go:build .*\n)+\n`)

// names tells whether a source has the line where it belongs.
func names(source, line string, inGo bool) bool {
	if inGo {
		return strings.HasPrefix(strings.TrimPrefix(source, constraints.FindString(source)), line+"\n\n")
	}
	first, rest, _ := strings.Cut(source, "\n")
	second, _, _ := strings.Cut(rest, "\n")
	return first == line || second == line
}
