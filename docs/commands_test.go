// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/internal/doctest"
)

// languages are those that a fence may have: of commands, of what they print, and of files.
var languages = []string{"console", "sh", "text", "yaml", "json", "go", "lua", "promql"}

// commands are how a line of commands begins.
var commands = regexp.MustCompile(`^\s*(\$|(kubectl|helm|wasmc|make|docker|istioctl|flux|argocd|curl|openssl|tar|export)) [a-z-]`)

// TestEveryCommandIsRun: a test runs each block of commands, or it says why none does.
func TestEveryCommandIsRun(t *testing.T) {
	blocks, err := doctest.Blocks("..")
	if err != nil {
		t.Fatal(err)
	}
	if len(blocks) < 50 {
		t.Fatalf("the blocks are not found any more: %d", len(blocks))
	}
	sections := map[string]bool{}
	for _, b := range blocks {
		if !slices.Contains(languages, b.Language) {
			t.Errorf("%s: the language %q of the block is none of %q", b, b.Language, languages)
		}
		if b.Marker == "" && !hasCommands(b) {
			continue
		}
		m, err := doctest.ReadMarker(b.Marker)
		if err != nil {
			t.Errorf("%s: no test runs these commands: write <!-- test: NAME --> above the block, and a test that does "+
				"(internal/doctest), or <!-- not run: REASON -->: %v", b, err)
		}
		sections[string(m.Section)] = true
	}
	delete(sections, "")
	requireRunners(t, sections)
}

// hasCommands reports whether a block has commands, or what looks like one.
func hasCommands(b *doctest.Block) bool {
	if b.Language == "console" || b.Language == "sh" {
		return true
	}
	return b.Language == "text" && slices.ContainsFunc(strings.Split(b.Text, "\n"), commands.MatchString)
}

// requireRunners requires that one test runs each section, and that what tests run is on a page.
func requireRunners(t *testing.T, sections map[string]bool) {
	t.Helper()
	runners := map[string][]string{}
	for path, text := range tests(t) {
		for _, name := range unique(text, `doctest\.Section\("([a-z0-9-]+)"\)`) {
			runners[name] = append(runners[name], path)
		}
	}
	for name := range sections {
		if found := runners[name]; len(found) != 1 {
			t.Errorf("one test has to run the blocks <!-- test: %s -->, by doctest.Section(%[1]q), and %d do: %v", name, len(found), found)
		}
	}
	for name, found := range runners {
		if !sections[name] {
			t.Errorf("%v runs the blocks <!-- test: %s -->, which no page has", found, name)
		}
	}
}

// tests maps the paths of the files of tests, in all modules, to their text.
func tests(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && slices.Contains([]string{".git", ".local", "bin"}, e.Name()) {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, "_test.go") {
			found[path] = read(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCommandsAreFenced: commands in a block by indentation would be in none that is run.
func TestCommandsAreFenced(t *testing.T) {
	pages, err := doctest.Pages("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for i, line := range doctest.Outside(read(t, "../"+page)) {
			if strings.HasPrefix(line, "    ") && commands.MatchString(line) {
				t.Errorf("%s:%d: write commands into a block with fences: %s", page, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// TestDocumentedTargetsOfMake: the Makefile has them. What they do is what other tests, and the CI itself, do.
func TestDocumentedTargetsOfMake(t *testing.T) {
	bin := t.TempDir()
	root := doctest.Root(t)
	doctest.DryMake(t, root, bin)
	doctest.Shell{Root: root, Dir: t.TempDir(), Env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}}.Run(t, doctest.Section("make"))
}
