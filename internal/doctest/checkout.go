// SPDX-License-Identifier: Apache-2.0

package doctest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Root returns the root of the checkout that the current directory is in.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "docs", "decisions")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the current directory is in no checkout of AutoWasm")
		}
	}
}

// Links makes links to files and directories of the checkout in dir, at the same paths, for commands that name them.
func Links(t testing.TB, root, dir string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		link := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(root, path), link); err != nil {
			t.Fatal(err)
		}
	}
}

// Command writes a program for the commands of a section into dir, a script of sh. It stands for one that a test has not,
// or must not run.
func Command(t testing.TB, dir, name, script string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// DryMake writes a make into dir that finds out alone whether the checkout's Makefile has the targets, and runs nothing.
func DryMake(t testing.TB, root, dir string) {
	t.Helper()
	real, err := exec.LookPath("make")
	if err != nil {
		t.Fatal(err)
	}
	Command(t, dir, "make", fmt.Sprintf("exec env -u MAKEFLAGS -u MAKELEVEL %s -C '%s' -n \"$@\" >/dev/null", real, root))
}
