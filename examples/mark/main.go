// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: mark DIRECTORY…")
		os.Exit(2)
	}
	for _, dir := range os.Args[1:] {
		if err := markFiles(dir); err != nil {
			fmt.Fprintln(os.Stderr, "mark:", err)
			os.Exit(1)
		}
	}
}

// markFiles marks the filters of a directory.
func markFiles(dir string) error {
	digest, err := sourceDigest(os.DirFS(dir))
	if err != nil {
		return fmt.Errorf("digest the source in %s: %w", dir, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+compiled))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no *%s in %s: build it", compiled, dir)
	}
	for _, file := range files {
		if err := markFile(file, digest); err != nil {
			return err
		}
	}
	return nil
}

func markFile(file, digest string) error {
	module, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read what the compiler wrote: %w", err)
	}
	if bytes.Contains(module, []byte(section)) {
		return fmt.Errorf("%s has a mark already: rebuild it", file)
	}
	if err := os.WriteFile(file, append(module, mark(digest)...), 0o644); err != nil {
		return fmt.Errorf("write the marked filter: %w", err)
	}
	return nil
}
