// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/autowasm/autowasm/"

// layers returns the packages in the rows of the README's table of packages, top first.
func layers(t *testing.T) [][]string {
	t.Helper()
	readme := read(t, "../README.md")
	begin := strings.Index(readme, "| package | holds |")
	if begin < 0 {
		t.Fatal("README.md has no table of packages")
	}
	table, _, _ := strings.Cut(readme[begin:], "\n\n")
	var rows [][]string
	for line := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		if packages := regexp.MustCompile("`([a-z0-9/]+)`").FindAllStringSubmatch(first, -1); packages != nil {
			var row []string
			for _, p := range packages {
				row = append(row, p[1])
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// list runs go list from the module's root and returns the words that it prints, line
// by line.
func list(t *testing.T, args ...string) [][]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	command.Dir = ".."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	var lines [][]string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}

// unlisted packages are not of the product: they may import any of it.
var unlisted = regexp.MustCompile(`^(docs|examples/.*|.*/(image|wasm|render|crd|doc|web|buffer)test)$`)

// TestImportsPointDown holds the packages to the order of the README's table: each
// imports only packages of rows below its own.
func TestImportsPointDown(t *testing.T) {
	row := map[string]int{}
	for i, packages := range layers(t) {
		for _, p := range packages {
			row[p] = i
		}
	}
	seen := 0
	for _, line := range list(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		from := strings.TrimPrefix(line[0], module)
		if unlisted.MatchString(from) {
			continue
		}
		seen++
		own, known := row[from]
		if !known {
			t.Errorf("package %s is not in the README's table of packages", from)
			continue
		}
		for _, path := range line[1:] {
			to, ours := strings.CutPrefix(path, module)
			if below, listed := row[to]; ours && (!listed || below <= own) {
				t.Errorf("%s imports %s, which is not below it in the README's table of packages", from, to)
			}
		}
	}
	if seen != len(row) {
		t.Errorf("the README's table has %d packages, the module %d", len(row), seen)
	}
}
