// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const changelog = `# Changelog

Intro.

## v1.1.0 - 2026-02-01

### Changed

- The flag ` + "`--a`" + ` ([why](docs/upgrade.md#v110), [spec](https://example.com/x)).

## v1.0.0 - 2026-01-01

- All.
`

// TestNotes: they are the version's section, whose links lead to the files of the version.
func TestNotes(t *testing.T) {
	got, err := notesOf("v1.1.0", changelog)
	want := "### Changed\n\n- The flag `--a` ([why](https://github.com/autowasm/autowasm/blob/v1.1.0/docs/upgrade.md#v110), [spec](https://example.com/x)).\n"
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if last, err := notesOf("v1.0.0", changelog); last != "- All.\n" || err != nil {
		t.Errorf("the last section: %q, %v", last, err)
	}
}

// TestNotesAreRefused where they would be about other changes than the release has.
func TestNotesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ version, changelog, want string }{
		"no section":           {"v1.2.0", changelog, `begin one with "## v1.2.0 - 2026-01-31"`},
		"a part of a version":  {"v1.1.0-rc.1", changelog, `begin one with "## v1.1.0-rc.1 - `},
		"no date":              {"v1.0.0", "## v1.0.0\n\n- All.\n", `must have a title like "v1.0.0 - 2026-01-31"`},
		"an empty section":     {"v1.0.0", "## v1.0.0 - 2026-01-01\n\n## v0.9.0 - 2025-01-01\n\n- All.\n", `"v1.0.0 - 2026-01-01" is empty`},
		"changes without one":  {"v1.0.0", "## Unreleased\n\n- More.\n\n## v1.0.0 - 2026-01-01\n\n- All.\n", "it has changes under Unreleased"},
		"an empty unreleased":  {"v1.0.0", "## Unreleased\n\n## v1.0.0 - 2026-01-01\n\n- All.\n", "Unreleased is empty: remove it"},
		"no changelog to read": {"v1.0.0", "", "no section"},
	} {
		if notes, err := notesOf(tc.version, tc.changelog); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %q, %v, want %q", name, notes, err, tc.want)
		}
	}
}

// TestOnlyReleasesHaveNotes: `make release` of another commit leaves none of the release before.
func TestOnlyReleasesHaveNotes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bin", "notes.md")
	if err := run(t.Context(), []string{"notes", "-changelog=../CHANGELOG.md", "-version=v99.0.0", "-out=" + file}); err == nil || !strings.Contains(err.Error(), "../CHANGELOG.md: there is no section of it") {
		t.Errorf("a release without changes: %v", err)
	}
	for _, version := range []string{"dev", "a8dd9cb", "v1.0.0-3-ga8dd9cb", "v1.0.0-dirty", "v1.0"} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), []string{"notes", "-changelog=none", "-version=" + version, "-out=" + file}); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if old, err := os.ReadFile(file); err == nil {
			t.Errorf("%s: there are notes: %s", version, old)
		}
	}
}

// TestThisCheckoutCanBeReleased: its newest section is whole.
func TestThisCheckoutCanBeReleased(t *testing.T) {
	text, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sections(string(text)) {
		if title := dated.FindStringSubmatch(s.title); title != nil && isRelease(title[1]) {
			continue
		}
		if s.title != unreleased || s.text == "" {
			t.Errorf("CHANGELOG.md has the section %q, of which there could be no release notes", s.title)
		}
	}
}
