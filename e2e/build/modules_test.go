// SPDX-License-Identifier: Apache-2.0

package build

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestModulesShareTheirRequirements keeps each third-party module at one version in all modules of the checkout. Go's
// build cache can then use a package that was compiled for one program for all others; with one version of
// golang.org/x/sys too many, everything above it is compiled twice.
func TestModulesShareTheirRequirements(t *testing.T) {
	uses := map[string]versions{}
	for _, dir := range moduleDirs() {
		for path, version := range requirements(t, dir) {
			if isApart(filepath.Base(dir), path) {
				continue
			}
			if uses[path] == nil {
				uses[path] = versions{}
			}
			uses[path][version] = append(uses[path][version], dir)
		}
	}
	for path, of := range uses {
		if len(of) > 1 {
			t.Errorf("%s has %d versions, by module: %v (`go get` or replace it in the modules under e2e/)", path, len(of), of)
		}
	}
}

// apart are what modules have at versions of their own; all of it when nothing is named.
var apart = map[string][]string{
	ArgoCD.Name: {},                                      // whose last release for this Go names APIs that Kubernetes 0.35 has no more
	Flux.Name:   {"github.com/opencontainers/go-digest"}, // of which Flux has one from after the last release
}

func isApart(dir, path string) bool {
	paths, ok := apart[dir]
	return ok && (len(paths) == 0 || slices.Contains(paths, path))
}

// versions are the directories that require a module, by its version.
type versions map[string][]string

// moduleDirs are the product's, that of the tests and those of the parts.
func moduleDirs() []string {
	of := []string{"../..", ".."}
	for _, p := range slices.Concat(Parts(), MeshParts(), TestParts(), FluxParts(), ClusterParts()) {
		if dir := filepath.Join("..", p.directory()); !slices.Contains(of, dir) {
			of = append(of, dir)
		}
	}
	return of
}

// requirements are the versions of what a module requires, as its replace directives have them.
func requirements(t *testing.T, dir string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("read go.mod in %s: %v", dir, err)
	}
	of, err := parseRequirements(out)
	if err != nil {
		t.Fatalf("read go.mod in %s: %v", dir, err)
	}
	return of
}

func parseRequirements(gomod []byte) (map[string]string, error) {
	type module struct{ Path, Version string }
	var file struct {
		Require []module
		Replace []struct{ Old, New module }
	}
	if err := json.Unmarshal(gomod, &file); err != nil {
		return nil, fmt.Errorf("decode the output of go mod edit: %w", err)
	}
	of := map[string]string{}
	for _, m := range file.Require {
		of[m.Path] = m.Version
	}
	for _, r := range file.Replace {
		if _, required := of[r.Old.Path]; required {
			of[r.Old.Path] = r.New.Version
		}
	}
	return of, nil
}
