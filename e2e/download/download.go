// SPDX-License-Identifier: Apache-2.0

// Package download brings programs that others publish into the cache of built parts. A package manager downloads them, so
// that whatever registry, proxy or certificates that is configured with are used; their checksums are pinned and verified.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/autowasm/autowasm/e2e/build"
	"github.com/autowasm/autowasm/e2e/filelock"
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

// A Program is one in the cache of built parts.
type Program struct {
	Name, Version string
	// Size of its download, for the announcement, such as "30 MB".
	Size string
	// Path of the file or directory that is there once the program is installed.
	Path string
}

// Once calls install, which is to put the program at its path, unless it is there. One process at a time does so.
func (p Program) Once(ctx context.Context, b *build.Builder, install func() error) error {
	if exists(p.Path) {
		return nil
	}
	release, err := filelock.Acquire(ctx, filepath.Join(b.CacheDir, strings.ToLower(p.Name)+".lock"))
	if err != nil {
		return fmt.Errorf("wait for another download of %s: %w", p.Name, err)
	}
	defer release()
	if exists(p.Path) { // another process brought it meanwhile
		return nil
	}
	done := b.Announce(fmt.Sprintf("downloading %s %s, %s", p.Name, p.Version, p.Size))
	err = install()
	done(err)
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
