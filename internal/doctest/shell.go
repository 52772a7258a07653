// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A Shell runs sections as a user types them.
type Shell struct {
	Root string   // of the checkout, whose pages are read
	Dir  string   // where the commands run
	Env  []string // NAME=value, beside those of this process. Those of before have no effect on a later NAME
	// Stands are what the pages have in place of a name of the test: in pairs, what they write and what it is. Earlier ones
	// go first.
	Stands []string
	// Shown are the same for what commands print alone: in pairs, what the pages show and what it is.
	Shown []string
	Masks []Mask // beside those of all outputs
}

// How long a section may take, and a command of it that is repeated, which is no expectation.
const (
	timeout  = 20 * time.Minute
	patience = 10 * time.Minute
)

// Run runs the commands of a section, in one shell, and fails the test at the first that fails, or prints something else than
// its page shows.
func (s Shell) Run(t testing.TB, section Section) {
	t.Helper()
	s.RunContext(t.Context(), t, section)
}

// RunContext is Run for what is done after a test, when its own context is over.
func (s Shell) RunContext(ctx context.Context, t testing.TB, section Section) {
	t.Helper()
	blocks, err := section.blocks(s.Root)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.run(ctx, t, blocks); err != nil {
		t.Fatal(err)
	}
}

func (s Shell) run(ctx context.Context, t testing.TB, blocks []*Block) error {
	t.Helper()
	steps, files, err := stepsOf(blocks)
	if err != nil {
		return err
	}
	if err := s.write(files); err != nil {
		return err
	}
	bash, err := startSession(ctx, s.Dir, append(os.Environ(), s.Env...))
	if err != nil {
		return err
	}
	defer bash.end()
	for _, step := range steps {
		if err := s.command(ctx, t, bash, step); err != nil {
			return fmt.Errorf("%s: %w", step.block, err)
		}
	}
	return nil
}

// write writes the files of a section.
func (s Shell) write(files []file) error {
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, f.name), []byte(s.real(f.content)), 0o644); err != nil {
			return fmt.Errorf("write a file of a page: %w", err)
		}
	}
	return nil
}

// command runs one until it prints what its page shows, or once.
func (s Shell) command(ctx context.Context, t testing.TB, bash *session, step *step) error {
	t.Helper()
	var got string
	var err error
	for end := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
		got, err = s.once(bash, step)
		over := !step.eventually || time.Now().After(end) || ctx.Err() != nil
		switch {
		case err == nil && s.isShown(step, got):
		case !over && !errors.Is(err, errEnded):
			continue
		case err == nil:
			err = s.differs(step, got)
		}
		break
	}
	t.Logf("%s%s%s", prompt, step.command, got)
	return err
}

// isShown reports whether the page shows this, or nothing.
func (s Shell) isShown(step *step, got string) bool {
	return step.want.text == "" || matches(masked(step.want.text, s.Masks), masked(got, s.Masks))
}

// once runs a command and returns what it prints, as pages show it.
func (s Shell) once(bash *session, step *step) (string, error) {
	got, code, err := bash.do(s.real(step.command), step.fails || step.eventually)
	got = s.shown(strings.ReplaceAll(got, "\r\n", "\n"))
	switch {
	case err != nil:
		return got, fmt.Errorf("%s%s%s: %w", prompt, step.command, got, err)
	case step.fails && code == 0:
		return got, fmt.Errorf("%s%s%s: it has to fail, and did not", prompt, step.command, got)
	case step.eventually && code != 0:
		return got, fmt.Errorf("%s%s%s: exit status %d", prompt, step.command, got, code)
	}
	return got, nil
}

// differs is the error of a command whose page shows something else. With UPDATE_DOCS the page then has what it prints.
func (s Shell) differs(step *step, got string) error {
	if os.Getenv("UPDATE_DOCS") != "" {
		return step.want.update(s.Root, step.index, got)
	}
	return fmt.Errorf("%s%sthe page (-), and what it prints (+); UPDATE_DOCS=1 in the environment of this test writes it:\n%s",
		prompt, step.command, cmp.Diff(masked(step.want.text, s.Masks), masked(got, s.Masks)))
}

// real is a text of a page with the names of the test.
func (s Shell) real(text string) string { return replace(text, s.Stands) }

// shown is an output with the names of the pages.
func (s Shell) shown(text string) string {
	swapped := slices.Concat(s.Shown, s.Stands)
	for i := 0; i+1 < len(swapped); i += 2 {
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
	}
	return replace(text, swapped)
}

// replace replaces the first of each pair by the second, in their order.
func replace(text string, pairs []string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}
