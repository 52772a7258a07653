// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// notesOptions are the flags of release notes.
type notesOptions struct {
	changelog, version, out string
}

func runNotes(args []string) error {
	var o notesOptions
	flags := flag.NewFlagSet("notes", flag.ContinueOnError)
	flags.StringVar(&o.changelog, "changelog", "CHANGELOG.md", "the changes of all releases")
	flags.StringVar(&o.version, "version", "dev", "version whose notes are written, such as v1.2.3; there are none for what is no release")
	flags.StringVar(&o.out, "out", "bin/release-notes.md", "file of the notes, which is replaced")
	if err := parse(flags, args); err != nil {
		return err
	}
	return makeNotes(o)
}

// makeNotes writes the notes of a release. For another version there is no file afterwards.
func makeNotes(o notesOptions) error {
	if err := os.Remove(o.out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace the release notes: %w", err)
	}
	if !isRelease(o.version) {
		fmt.Fprintf(os.Stderr, "%s is no release: there are no release notes\n", o.version)
		return nil
	}
	changelog, err := os.ReadFile(o.changelog)
	if err != nil {
		return fmt.Errorf("read the changes of the release: %w", err)
	}
	notes, err := notesOf(o.version, string(changelog))
	if err != nil {
		return fmt.Errorf("write the notes of %s: %s: %w", o.version, o.changelog, err)
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return fmt.Errorf("write the release notes: %w", err)
	}
	if err := os.WriteFile(o.out, []byte(notes), 0o644); err != nil {
		return fmt.Errorf("write the release notes: %w", err)
	}
	fmt.Println(o.out)
	return nil
}

var (
	released  = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	described = regexp.MustCompile(`-\d+-g[0-9a-f]+$|-dirty$`) // by git describe, where no tag has the commit
)

// isRelease tells whether a version is that of a tag.
func isRelease(version string) bool {
	return released.MatchString(version) && !described.MatchString(version)
}

// section is what is below a heading of the second level.
type section struct{ title, text string }

// sections are those of a changelog in their order.
func sections(changelog string) (all []section) {
	for _, part := range strings.Split("\n"+changelog, "\n## ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		all = append(all, section{strings.TrimSpace(title), strings.TrimSpace(text)})
	}
	return all
}

// unreleased is the title of the changes that no release has.
const unreleased = "Unreleased"

var dated = regexp.MustCompile(`^(\S+) - \d{4}-\d{2}-\d{2}$`)

// notesOf returns the section of a version, whose title is like "v1.2.3 - 2026-01-31". A release of a commit has all
// changes of it, so that none may be left under Unreleased.
func notesOf(version, changelog string) (notes string, err error) {
	found := false
	for _, s := range sections(changelog) {
		title := dated.FindStringSubmatch(s.title)
		switch {
		case s.title == unreleased && s.text == "":
			return "", fmt.Errorf("the section %s is empty: remove it", unreleased)
		case s.title == unreleased:
			return "", fmt.Errorf("it has changes under %s, which the release would contain: move them into its section", unreleased)
		case title == nil && strings.HasPrefix(s.title, version):
			return "", fmt.Errorf("the section %q must have a title like %q", s.title, version+" - 2026-01-31")
		case title == nil || title[1] != version:
		case s.text == "":
			return "", fmt.Errorf("the section %q is empty: write what changed", s.title)
		default:
			notes, found = absolute(s.text, version)+"\n", true
		}
	}
	if !found {
		return "", fmt.Errorf("there is no section of it: begin one with %q", "## "+version+" - 2026-01-31")
	}
	return notes, nil
}

var relative = regexp.MustCompile(`\]\(([^):#][^):]*)\)`)

// absolute has the links of a text, which lead to files of the repository, lead to those of a version of it.
func absolute(text, version string) string {
	return relative.ReplaceAllString(text, "]("+sourceURL+"/blob/"+version+"/$1)")
}
