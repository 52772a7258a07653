// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// page has one block of each language, and two that are not for the section.
const page = `# Page

<!-- test: all -->
~~~yaml
# a.yaml
host: registry.example
---
# b.yaml
b: 1
~~~

- in a list

  <!-- test: all -->
  ~~~console
  $ NAME=x; cat a.yaml    # a comment
  host: registry.example
  $ cat <<EOF | sort
  b $NAME
  a
  EOF
  a
  …
  $ printf '%s' 2026-11-21T10:00:36Z
  2026-01-01T00:00:00Z
  ~~~

<!-- test: all -->
~~~sh
echo "$NAME" > c
cat b.yaml c
~~~

which prints

<!-- test: all -->
~~~text
b: 1
x
~~~

<!-- test: all, fails -->
~~~console
$ cat nowhere
cat: nowhere: No such file or directory
~~~

<!-- not run: needs Docker -->
~~~console
$ exit 1
~~~

~~~text
$ no command
~~~
`

func checkout(t *testing.T, page string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"README.md": "", "CONTRIBUTING.md": "", "SECURITY.md": "", "docs/page.md": strings.ReplaceAll(page, "~~~", "```")} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// try runs a section of a page and returns the error.
func try(t *testing.T, root string, s Section) error {
	t.Helper()
	blocks, err := s.blocks(root)
	if err != nil {
		return err
	}
	shell := Shell{Root: root, Dir: t.TempDir(), Env: []string{"LC_ALL=C"}, Stands: []string{"registry.example", "127.0.0.1:5000"}}
	return shell.run(t.Context(), t, blocks)
}

func TestRun(t *testing.T) {
	root := checkout(t, page)
	if err := try(t, root, "all"); err != nil {
		t.Error(err)
	}
	if err := try(t, root, "none"); err == nil {
		t.Error("a section without blocks has been run")
	}
}

// TestEventually: a command may fail, and print something else, before it prints what the page shows.
func TestEventually(t *testing.T) {
	const command = "[ -e later ] && echo x || { touch later; false; }"
	if err := try(t, checkout(t, "<!-- test: x, eventually -->\n~~~console\n$ "+command+"\nx\n~~~"), "x"); err != nil {
		t.Error(err)
	}
	if err := try(t, checkout(t, "<!-- test: x -->\n~~~console\n$ "+command+"\nx\n~~~"), "x"); err == nil {
		t.Error("a command that fails at first is run once")
	}
}

// TestRunFails: what a page has wrong fails its test, and the error shows it.
func TestRunFails(t *testing.T) {
	for name, tt := range map[string]struct{ page, want string }{
		"a flag that does not exist": {"~~~console\n$ sort --nope </dev/null\n~~~", "unrecognized option '--nope'"},
		"in the middle of a script":  {"~~~sh\nfalse\ntrue\n~~~", "the shell has ended"},
		"in a pipe":                  {"~~~sh\nfalse | true\n~~~", "the shell has ended"},
		"a variable that is not set": {"~~~sh\necho $NOPE\n~~~", "NOPE: unbound variable"},
		"another output":             {"~~~console\n$ echo a\nb\n~~~", "docs/page.md:2: $ echo a\n"},
		"less output":                {"~~~console\n$ echo a\na\nb\n~~~", "docs/page.md:2: $ echo a\n"},
		"more output":                {"~~~console\n$ printf 'a\\nb\\n'\na\n~~~", "docs/page.md:2: $ printf"},
		"not what is left out":       {"~~~console\n$ printf 'a\\nb\\n'\na\n…\nc\n~~~", "docs/page.md:2: $ printf"},
		"before one that goes on":    {"~~~console\n$ sleep 600 &\n$ false\n~~~", "the shell has ended"},
		"no time":                    {"~~~console\n$ echo 10:00\n2026-11-21T10:00:36Z\n~~~", "docs/page.md:2: $ echo 10:00"},
	} {
		t.Run(name, func(t *testing.T) {
			err := try(t, checkout(t, "<!-- test: x -->\n"+tt.page), "x")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
	if err := try(t, checkout(t, "<!-- test: x, fails -->\n~~~console\n$ true\n~~~"), "x"); err == nil {
		t.Error("what has to fail did not, and nobody said so")
	}
}

func TestUpdate(t *testing.T) {
	t.Setenv("UPDATE_DOCS", "1")
	before := "- a\n  <!-- test: x -->\n  ~~~console\n  $ echo a\n  b\n  c\n  $ true\n  $ echo registry.example\n  z\n  ~~~\n"
	after := "- a\n  <!-- test: x -->\n  ~~~console\n  $ echo a\n  a\n  $ true\n  $ echo registry.example\n  registry.example\n  ~~~\n"
	root := checkout(t, before)
	if err := try(t, root, "x"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "docs", "page.md"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(after, "~~~", "```"), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestReadMarker(t *testing.T) {
	for marker, want := range map[string]Marker{
		"test: a-b":               {Section: "a-b"},
		"test: a, fails":          {Section: "a", Options: []string{"fails"}},
		"not run: needs Docker":   {},
		"not run: it takes long":  {Section: "error"},
		"test: a, sometimes":      {Section: "error"},
		"test: A":                 {Section: "error"},
		"":                        {Section: "error"},
		"The values, from a file": {Section: "error"},
	} {
		got, err := ReadMarker(marker)
		if err != nil {
			got = Marker{Section: "error"}
		}
		if got.Section != want.Section || strings.Join(got.Options, " ") != strings.Join(want.Options, " ") {
			t.Errorf("%q: %+v, %v, want %+v", marker, got, err, want)
		}
	}
}
