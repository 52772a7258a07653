// SPDX-License-Identifier: Apache-2.0

package build

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/autowasm/autowasm/internal/download"
	"github.com/autowasm/autowasm/internal/filelock"
)

// A Builder builds programs of one checkout.
type Builder struct {
	Checkout string    // its root directory
	CacheDir string    // where parts are kept
	Progress io.Writer // where it says what takes long
}

// NewBuilder returns a builder of the checkout whose root is checkout, or which the working directory is in. It keeps what
// it builds in cacheDir, or in download.CacheDir, and says what takes long on progress, or on standard error. Its paths are
// absolute.
func NewBuilder(checkout, cacheDir string, progress io.Writer) (b *Builder, err error) {
	b = &Builder{Checkout: checkout, CacheDir: cacheDir, Progress: progress}
	if b.Progress == nil {
		b.Progress = os.Stderr
	}
	if b.Checkout == "" {
		if b.Checkout, err = FindCheckout("."); err != nil {
			return nil, err
		}
	}
	if b.CacheDir == "" {
		if b.CacheDir, err = download.CacheDir(); err != nil {
			return nil, err
		}
	}
	if b.Checkout, err = filepath.Abs(b.Checkout); err != nil {
		return nil, err
	}
	b.CacheDir, err = filepath.Abs(b.CacheDir)
	return b, err
}

// Downloads is where programs that others publish are kept, beside the parts.
func (b *Builder) Downloads() download.Cache {
	return download.Cache{Dir: b.CacheDir, Announce: b.Announce}
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
	release, err := b.lock(ctx, p)
	if err != nil {
		return "", fmt.Errorf("wait for another build of %s: %w", p.Name, err)
	}
	defer release()
	if exists(binary) { // another process built it meanwhile
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

func (b *Builder) moduleDir(p Part) string { return filepath.Join(b.Checkout, "e2e", p.directory()) }

// lock waits until no other process builds the part.
func (b *Builder) lock(ctx context.Context, p Part) (release func(), err error) {
	path := filepath.Join(b.CacheDir, p.Name+".lock")
	release, ok, err := filelock.TryAcquire(path)
	if ok || err != nil {
		return release, err
	}
	t := b.begin("waiting for another build of "+p.Title, "")
	release, err = filelock.Acquire(ctx, path)
	t.done(err)
	return release, err
}

func (b *Builder) buildPart(ctx context.Context, p Part, binary string) error {
	t := b.begin("building "+p.Title, "from source: "+p.Takes+" the first time")
	return b.build(ctx, t, goBuild{
		dir: b.moduleDir(p), pkg: cmp.Or(p.Package, "."), ldflags: slices.Concat(stripped, p.LDFlags),
	}, binary)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
