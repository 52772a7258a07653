//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/autowasm/autowasm/e2e/process"
)

// maxImages bounds what the registry of images keeps on disk from one cluster of a directory to the next.
const maxImages = 4 << 30

// startRegistries starts the one that the nodes pull the cluster's own images from, whose files stay, so that images that
// have not changed are not written again, and an empty one for users and tests.
func (c *Cluster) startRegistries(ctx context.Context) error {
	if err := c.boundImages(); err != nil {
		return err
	}
	return together(ctx,
		func(ctx context.Context) error { return c.startRegistry(ctx, "images", imagesPort, c.imagesDir()) },
		func(ctx context.Context) error {
			return c.startRegistry(ctx, "registry", registryPort, c.data("registry"))
		},
	)
}

// Registry is the address of the registry for users and tests, over plain HTTP.
func (c *Cluster) Registry() string { return fmt.Sprintf("%s:%d", controlAddress, registryPort) }

func (c *Cluster) imagesDir() string { return filepath.Join(c.Dir, "images") }

func (c *Cluster) startRegistry(ctx context.Context, name string, port int, dir string) error {
	return c.run(ctx, c.control, process.Command{
		Name: name, Path: c.binaries.registry,
		Args: []string{fmt.Sprintf("--addr=%s:%d", controlAddress, port), "--storage=" + dir},
		Env:  []string{"OTEL_TRACES_EXPORTER=none"}, // it would look for a collector
	}, c.listens(controlAddress, port))
}

// boundImages removes the images of earlier clusters when they have become too many.
func (c *Cluster) boundImages() error {
	var bytes int64
	err := filepath.WalkDir(c.imagesDir(), func(_ string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if os.IsNotExist(err) || err == nil && bytes <= maxImages {
		return nil
	}
	if err := os.RemoveAll(c.imagesDir()); err != nil {
		return fmt.Errorf("clear the registry of images: %w", err)
	}
	return nil
}
