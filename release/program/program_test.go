// SPDX-License-Identifier: Apache-2.0

package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParsePlatforms(t *testing.T) {
	for list, want := range map[string][]Platform{
		"linux/amd64":                          {{"linux", "amd64"}},
		"linux/amd64, linux/arm64,linux/amd64": {{"linux", "amd64"}, {"linux", "arm64"}},
		"":                                     nil, "linux": nil, "linux/": nil, "/amd64": nil, "linux/arm/v7": nil, "linux/amd64,": nil,
	} {
		got, err := ParsePlatforms(list)
		if diff := cmp.Diff(want, got); diff != "" && want != nil || (err == nil) != (want != nil) {
			t.Errorf("%q: %v (-want +got):\n%s", list, err, diff)
		}
	}
}

// runGit runs git as somebody, with a clock.
func runGit(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example",
		"GIT_AUTHOR_DATE=2020-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05+02:00")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestReadCommit(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadCommit(t.Context(), dir); err == nil {
		t.Error("a directory without a commit has one")
	}
	runGit(t, dir, "init", "-q")
	file := filepath.Join(dir, "a")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	runGit(t, dir, "add", "a")
	runGit(t, dir, "commit", "-q", "-m", "a")
	commit, err := ReadCommit(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(commit.Revision) != 40 || commit.String() != commit.Revision || !commit.Time.Equal(time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC)) {
		t.Errorf("the commit is %+v", commit)
	}
	if err := os.WriteFile(file, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed, err := ReadCommit(t.Context(), dir)
	if err != nil || !changed.Modified || changed.String() != commit.Revision+"-modified" {
		t.Errorf("after a change the commit is %+v, %v", changed, err)
	}
}
