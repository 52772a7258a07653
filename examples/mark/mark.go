// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// section is the name of the custom section.
const section = "autowasm.source"

// Beside a filter's source stand what compilers leave behind, and what does not decide the filter's bytes.
var (
	leftBehind = []string{"node_modules", "target"}
	beside     = []string{"README.md", "schema.yaml", "tests.yaml", ".gitignore"}
)

// compiled is how the names of compiled filters end.
const compiled = ".wasm"

// sourceDigest is the sha256, in lower-case hexadecimal, of the names and the sha256 of all files of a filter's source,
// with those that pin compilers and dependencies.
func sourceDigest(source fs.FS) (string, error) {
	all := sha256.New()
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(leftBehind, name):
			return fs.SkipDir
		case entry.IsDir() || slices.Contains(beside, path.Base(name)) || path.Ext(name) == compiled:
			return nil
		}
		content, err := fs.ReadFile(source, name)
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(content), name)
		return err
	})
	return fmt.Sprintf("%x", all.Sum(nil)), err
}

// mark is the custom section with a digest, which may follow any section of a module.
func mark(digest string) []byte {
	content := append(text(section), digest...)
	return append([]byte{0}, text(string(content))...)
}

// text is a string as modules hold it, behind its length.
func text(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
