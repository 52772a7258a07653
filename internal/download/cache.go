// SPDX-License-Identifier: Apache-2.0

package download

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/autowasm/autowasm/internal/filelock"
)

// CacheDir is where programs are kept by default: $AUTOWASM_CACHE, else autowasm in $XDG_CACHE_HOME or ~/.cache.
func CacheDir() (string, error) {
	if dir := os.Getenv("AUTOWASM_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "autowasm"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the cache (set AUTOWASM_CACHE): %w", err)
	}
	return filepath.Join(home, ".cache", "autowasm"), nil
}

// A Cache keeps programs, each of which is downloaded once.
type Cache struct {
	Dir string // absolute
	// Announce says that something goes on, until done is called.
	Announce func(what string) (done func(error))
}

// A Program is one in a cache.
type Program struct {
	Name, Version string
	// Size of its download, for the announcement, such as "30 MB".
	Size string
	// Path of the file or directory that is there once the program is installed.
	Path string
}

// Once calls install, which is to put the program at its path, unless it is there. One process at a time does so.
func (c Cache) Once(ctx context.Context, p Program, install func() error) error {
	if exists(p.Path) {
		return nil
	}
	release, err := filelock.Acquire(ctx, filepath.Join(c.Dir, strings.ToLower(p.Name)+".lock"))
	if err != nil {
		return fmt.Errorf("wait for another download of %s: %w", p.Name, err)
	}
	defer release()
	if exists(p.Path) { // another process brought it meanwhile
		return nil
	}
	done := c.Announce(fmt.Sprintf("downloading %s %s, %s", p.Name, p.Version, p.Size))
	err = install()
	done(err)
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
