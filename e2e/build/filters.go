// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// filters is the module of the filters of others. What it is compiled for shares no package with the other parts.
var filters = Part{Name: "filters", Title: "the filters of others", Takes: "a minute or two"}

// Filters returns the directory that has each package of the module filters as a proxy-wasm module, <package>.wasm. It
// builds them first when the cache has none for these sources and the Go version.
func (b *Builder) Filters(ctx context.Context) (string, error) {
	dir, err := b.filtersDir()
	if err != nil {
		return "", fmt.Errorf("find the filters in the build cache: %w", err)
	}
	if exists(dir) {
		return dir, nil
	}
	release, err := b.lock(ctx, filters)
	if err != nil {
		return "", fmt.Errorf("wait for another build of the filters: %w", err)
	}
	defer release()
	if exists(dir) { // another process built them meanwhile
		return dir, nil
	}
	return dir, b.buildFilters(ctx, dir)
}

func (b *Builder) filtersDir() (string, error) {
	t, err := currentTarget()
	if err != nil {
		return "", err
	}
	t.GOOS, t.GOARCH = "wasip1", "wasm"
	k, err := key(b.moduleDir(filters), filters, t)
	return filepath.Join(b.CacheDir, filters.Name+"-"+k), err
}

// buildFilters builds all of them, one after the other: go build makes one c-shared module at a time.
func (b *Builder) buildFilters(ctx context.Context, dir string) error {
	programs, err := filepath.Glob(filepath.Join(b.moduleDir(filters), "*", "main.go"))
	if err != nil {
		return fmt.Errorf("list the filters: %w", err)
	}
	t := b.begin("building "+filters.Title, "from source: "+filters.Takes+" the first time")
	err = replace(dir, func(temp string) error {
		if err := os.Mkdir(temp, 0o755); err != nil {
			return err
		}
		for _, program := range programs {
			if err := b.buildFilter(ctx, t, filepath.Base(filepath.Dir(program)), temp); err != nil {
				return err
			}
		}
		return nil
	})
	t.done(err)
	if err != nil {
		return fmt.Errorf("build the filters: %w", err)
	}
	return nil
}

// buildFilter builds one. Coraza's needs the tag, since a filter has no files.
func (b *Builder) buildFilter(ctx context.Context, t *task, name, to string) error {
	return goBuild{
		dir: b.moduleDir(filters), pkg: "./" + name, ldflags: stripped,
		args: []string{"-buildmode=c-shared", "-tags=no_fs_access"}, env: []string{"GOOS=wasip1", "GOARCH=wasm"},
	}.to(ctx, t, filepath.Join(to, name+".wasm"))
}
