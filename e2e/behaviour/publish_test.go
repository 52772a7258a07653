// SPDX-License-Identifier: Apache-2.0

package behaviour

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/suite"
	"github.com/autowasm/autowasm/internal/doctest"
)

// nextChanges are those of the release that docs/releasing.md makes.
const nextChanges = "# Changelog\n\n## v0.2.0 - 2026-12-01\n\n### Added\n\n- A change.\n"

// publish tags and publishes a release, made in dir, as docs/releasing.md does. make is a dry run.
func publish(t *testing.T, dir string) {
	t.Helper()
	user, bin := cluster.Documented(t, "default")
	chart := chartOf(t, dir)
	user.Stands = []string{"wasmer-0.2.0.tgz", chart, "oci://registry.example/charts", "oci://" + cluster.Registry + "/charts --plain-http"}
	doctest.DryMake(t, cluster.Checkout, bin)
	helm, err := cluster.Builder().Part(t.Context(), build.Helm)
	if err != nil {
		t.Fatal(err)
	}
	suite.Link(t, helm, filepath.Join(bin, "helm"))

	suite.WriteFile(t, user.Dir, "CHANGELOG.md", []byte(nextChanges))
	suite.WriteFile(t, user.Dir, ".gitignore", []byte("bin/\n"))
	notes := filepath.Join(user.Dir, "bin", "release-notes.md")
	release(t, "notes", "-version", "v0.2.0", "-changelog", filepath.Join(user.Dir, "CHANGELOG.md"), "-out", notes)
	suite.Link(t, dir, filepath.Join(user.Dir, "bin", "release"))
	origin := filepath.Join(t.TempDir(), "origin.git")
	run(t, user.Dir, "git", "init", "-q", "--bare", origin)
	for _, command := range []string{
		"init -q", "config user.name me", "config user.email me@example.org", "add .", "commit -q -m v0.2.0", "remote add origin " + origin,
	} {
		run(t, user.Dir, "git", strings.Fields(command)...)
	}

	user.Run(t, doctest.Section("release"))
	if got := run(t, origin, "git", "tag", "--list", "--format=%(contents)", "v0.2.0"); strings.TrimSpace(got) != strings.TrimSpace(string(read(t, notes))) {
		t.Errorf("the tag that was pushed says %q, and the notes are\n%s", got, read(t, notes))
	}
	version := strings.TrimSuffix(strings.TrimPrefix(chart, "wasmer-"), ".tgz")
	pushed, err := name.ParseReference(cluster.Registry + "/charts/wasmer:" + version)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(pushed); err != nil {
		t.Errorf("the chart was not pushed: %v", err)
	}
}

// chartOf is the file of the chart in a release, whose version is that of the checkout.
func chartOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "wasmer-*.tgz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the release has the charts %q, %v", files, err)
	}
	return filepath.Base(files[0])
}
