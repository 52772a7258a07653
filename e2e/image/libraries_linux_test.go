// SPDX-License-Identifier: Apache-2.0

package image

import (
	"debug/elf"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestLibraries looks at a program that every Linux has, and whose libraries are there to be found.
func TestLibraries(t *testing.T) {
	const shell = "/bin/sh"
	linker, needed, err := readNeeded(shell)
	if err != nil {
		t.Fatal(err)
	}
	files, err := Libraries(shell)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Path, "/usr/lib") {
			t.Errorf("%s is not below /usr, where the links of an image lead", f.Path)
		}
		if info, err := os.Lstat(f.Source); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v, %v", f.Source, info, err)
		}
		if _, err := elf.Open(f.Source); err != nil {
			t.Errorf("%s: %v", f.Source, err)
		}
	}
	for _, want := range append(needed, linker) {
		if !slices.ContainsFunc(files, func(f File) bool { return strings.HasSuffix(f.Path, want) }) {
			t.Errorf("%s is not among %v", want, files)
		}
	}
}
