// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// compiled is the name of the compiled filter in its source's directory.
const compiled = "add-header.wasm"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: mark DIRECTORY…")
		os.Exit(2)
	}
	for _, dir := range os.Args[1:] {
		if err := markFile(dir); err != nil {
			fmt.Fprintln(os.Stderr, "mark:", err)
			os.Exit(1)
		}
	}
}

// markFile marks the filter of a directory.
func markFile(dir string) error {
	file := filepath.Join(dir, compiled)
	module, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read what the compiler wrote: %w", err)
	}
	if bytes.Contains(module, []byte(section)) {
		return fmt.Errorf("%s has a mark already: rebuild it", file)
	}
	digest, err := sourceDigest(os.DirFS(dir))
	if err != nil {
		return fmt.Errorf("digest the source in %s: %w", dir, err)
	}
	if err := os.WriteFile(file, append(module, mark(digest)...), 0o644); err != nil {
		return fmt.Errorf("write the marked filter: %w", err)
	}
	return nil
}
