package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/autowasm/autowasm/e2e/filelock"
)

// CacheDir is where parts are kept when nobody says otherwise: $AUTOWASM_CACHE, else autowasm in
// $XDG_CACHE_HOME or ~/.cache.
func CacheDir() (string, error) {
	if dir := os.Getenv("AUTOWASM_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "autowasm"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a place for the build cache (set AUTOWASM_CACHE): %w", err)
	}
	return filepath.Join(home, ".cache", "autowasm"), nil
}

// A Builder builds programs of one checkout.
type Builder struct {
	Checkout string    // its root directory
	CacheDir string    // where parts are kept
	Progress io.Writer // where it says what takes long
}

// Part returns the path of a part's binary, which it builds first when the cache has none for the part's
// sources, the Go version and the platform.
func (b *Builder) Part(ctx context.Context, p Part) (string, error) {
	binary, err := b.path(p)
	if err != nil {
		return "", fmt.Errorf("find %s in the build cache: %w", p.Name, err)
	}
	if exists(binary) {
		return binary, nil
	}
	release, err := filelock.Acquire(ctx, filepath.Join(b.CacheDir, p.Name+".lock"))
	if err != nil {
		return "", fmt.Errorf("wait for another build of %s: %w", p.Name, err)
	}
	defer release()
	if exists(binary) { // somebody else built it while we waited
		return binary, nil
	}
	return binary, b.buildPart(ctx, p, binary)
}

func (b *Builder) path(p Part) (string, error) {
	t, err := currentTarget()
	if err != nil {
		return "", err
	}
	k, err := key(b.moduleDir(p), p, t)
	if err != nil {
		return "", err
	}
	return filepath.Join(b.CacheDir, p.Name+"-"+k, p.Name), nil
}

func (b *Builder) moduleDir(p Part) string { return filepath.Join(b.Checkout, "e2e", p.Name) }

func (b *Builder) buildPart(ctx context.Context, p Part, binary string) error {
	done := b.announce(fmt.Sprintf("building %s from source, %s the first time", p.Title, p.Takes))
	err := goBuild{dir: b.moduleDir(p), pkg: ".", ldflags: slices.Concat(stripped, p.LDFlags)}.to(ctx, binary)
	done(err)
	if err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
