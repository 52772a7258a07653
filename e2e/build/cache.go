package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	unlock, err := lock(ctx, filepath.Join(b.CacheDir, p.Name+".lock"))
	if err != nil {
		return "", fmt.Errorf("wait for another build of %s: %w", p.Name, err)
	}
	defer unlock()
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
	err := goBuild(ctx, b.moduleDir(p), binary, ".", append([]string{"-s", "-w"}, p.LDFlags...))
	done(err)
	if err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	return nil
}

// Product builds the package at dir, which is relative to the checkout's root, into bin/ of the checkout and
// returns the path of the binary. It is not cached: Go's own build cache makes a second build fast.
func (b *Builder) Product(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(b.Checkout, "bin", filepath.Base(dir))
	if err := goBuild(ctx, b.Checkout, binary, "./"+filepath.ToSlash(dir), nil); err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	return binary, nil
}

// goBuild builds a package of the module in dir.
func goBuild(ctx context.Context, dir, binary, pkg string, ldflags []string) error {
	return replace(binary, func(temp string) error {
		args := []string{"build", "-trimpath", "-ldflags=" + strings.Join(ldflags, " "), "-o", temp, pkg}
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), dir, err, out)
		}
		return nil
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
