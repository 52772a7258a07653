// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/autowasm/autowasm/release/archive"
	"github.com/autowasm/autowasm/release/program"
)

// chartDir is where the Helm chart is in a checkout.
const chartDir = "manifests/charts/wasmer"

// archiveOptions are the flags of release archives.
type archiveOptions struct {
	dir, version, out, platforms string
}

func runArchives(ctx context.Context, args []string) error {
	var o archiveOptions
	flags := flag.NewFlagSet("archives", flag.ContinueOnError)
	flags.StringVar(&o.dir, "checkout", ".", "the checkout")
	flags.StringVar(&o.version, "version", "dev", "version of wasmc")
	flags.StringVar(&o.out, "out", "bin/release", "directory of the archives, which is replaced")
	flags.StringVar(&o.platforms, "platforms", "", "platforms of wasmc; default all that are released")
	if err := parse(flags, args); err != nil {
		return err
	}
	return makeArchives(ctx, o)
}

func makeArchives(ctx context.Context, o archiveOptions) error {
	platforms := archive.Platforms
	if o.platforms != "" {
		var err error
		if platforms, err = program.ParsePlatforms(o.platforms); err != nil {
			return err
		}
	}
	c, err := readCheckout(ctx, o.dir)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, platform := range platforms {
		b, err := c.build(ctx, program.Wasmc, platform, o.version)
		if err != nil {
			return err
		}
		file, content, err := archive.Program(b, c.from.Commit.Time, c.license)
		if err != nil {
			return err
		}
		files[file] = content
	}
	file, content, err := archive.Chart(filepath.Join(c.dir, filepath.FromSlash(chartDir)), c.from.Commit.Time)
	if err != nil {
		return err
	}
	if file != "" {
		files[file] = content
	}
	files[archive.SumsName] = archive.Sums(files)
	return write(o.out, files)
}

// write replaces a directory by files, and prints their names.
func write(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replace %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("replace %s: %w", dir, err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return fmt.Errorf("write a file of the release: %w", err)
		}
		fmt.Println(path)
	}
	return nil
}
