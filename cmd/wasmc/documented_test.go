// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autowasm/autowasm/internal/doctest"
)

// TestMain makes the program of the tests wasmc itself, where it is called so.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == plainName {
		main()
	}
	os.Exit(m.Run())
}

// documentedShell is one that has wasmc, in an empty directory.
func documentedShell(t *testing.T) doctest.Shell {
	t.Helper()
	root := doctest.Root(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), at(t)
	if err := os.Symlink(self, filepath.Join(bin, plainName)); err != nil {
		t.Fatal(err)
	}
	return doctest.Shell{Root: root, Dir: dir, Env: []string{"PATH=" + bin + ":" + os.Getenv("PATH")}}
}

// TestDocumentedMigration runs each command on migration, on the manifests of the page.
func TestDocumentedMigration(t *testing.T) { documentedShell(t).Run(t, doctest.Section("migrate")) }

// TestDocumentedTests runs the commands on test cases, with the example in Rust.
func TestDocumentedTests(t *testing.T) {
	shell := documentedShell(t)
	write(t, "add-header.wasm", []byte(read(t, filepath.Join(shell.Root, "examples/add-header-rust/add-header.wasm"))))
	shell.Run(t, doctest.Section("wasmc-test"))
}

// TestDocumentedInit writes, builds and tests a filter as the page does.
func TestDocumentedInit(t *testing.T) {
	caches, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache, modules, _ := strings.Cut(strings.TrimSpace(string(caches)), "\n")
	shell := documentedShell(t)
	shell.Stands = []string{"registry.example", newRegistry(t)}
	// The flags of the example's own build, with which the standard library has been compiled.
	shell.Env = append(shell.Env, "GOCACHE="+cache, "GOMODCACHE="+modules, "GOFLAGS=")
	shell.Run(t, doctest.Section("wasmc-init"))
}

// TestDocumentedSchema pushes a module with the schema of the page.
func TestDocumentedSchema(t *testing.T) {
	shell := documentedShell(t)
	shell.Stands = []string{"registry.example", newRegistry(t)}
	write(t, "key-auth.wasm", wasm)
	shell.Run(t, doctest.Section("wasmc-explain"))
}

// TestDocumentedCheck checks the example in Rust.
func TestDocumentedCheck(t *testing.T) {
	shell := documentedShell(t)
	write(t, "add-header.wasm", []byte(read(t, filepath.Join(shell.Root, "examples/add-header-rust/add-header.wasm"))))
	shell.Run(t, doctest.Section("wasmc-check"))
}
