// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/autowasm/autowasm/release/oci"
	"github.com/autowasm/autowasm/release/program"
)

// imageOptions are the flags of release image.
type imageOptions struct {
	dir, version, image, out, platforms string
	push                                bool
}

func runImage(ctx context.Context, args []string) error {
	var o imageOptions
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.dir, "checkout", ".", "the checkout")
	flags.StringVar(&o.version, "version", "dev", "version of the programs")
	flags.StringVar(&o.image, "image", "registry.example/autowasm/wasmer", "name of the image of wasmer; that of wasmc is beside it. Without a tag it is the version")
	flags.StringVar(&o.out, "out", "bin/image", "directory of the OCI layouts")
	flags.StringVar(&o.platforms, "platforms", "linux/amd64,linux/arm64", "platforms of the images")
	flags.BoolVar(&o.push, "push", false, "push the images, with the credentials of docker login")
	if err := parse(flags, args); err != nil {
		return err
	}
	return makeImages(ctx, o)
}

func makeImages(ctx context.Context, o imageOptions) error {
	platforms, err := program.ParsePlatforms(o.platforms)
	if err != nil {
		return err
	}
	names, err := oci.Names(o.image, o.version, program.Wasmer.Name, program.Wasmc.Name)
	if err != nil {
		return err
	}
	c, err := readCheckout(ctx, o.dir)
	if err != nil {
		return err
	}
	for _, p := range []program.Program{program.Wasmer, program.Wasmc} {
		if err := c.makeImage(ctx, p, platforms, names[p.Name], o); err != nil {
			return err
		}
	}
	return nil
}

// makeImage makes the images of one program, and prints where they are with their digest.
func (c *checkout) makeImage(ctx context.Context, p program.Program, platforms []program.Platform, ref name.Tag, o imageOptions) error {
	var binaries []*program.Binary
	for _, platform := range platforms {
		b, err := c.build(ctx, p, platform, o.version)
		if err != nil {
			return err
		}
		binaries = append(binaries, b)
	}
	index, err := oci.Index(binaries, c.from, c.license)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return fmt.Errorf("hash the images of %s: %w", p.Name, err)
	}
	dir := filepath.Join(o.out, p.Name)
	if err := oci.WriteLayout(dir, index, ref); err != nil {
		return err
	}
	if !o.push {
		fmt.Printf("oci:%s:%s@%s\n", dir, ref.TagStr(), digest)
		return nil
	}
	if err := oci.Push(ctx, ref, index); err != nil {
		return err
	}
	fmt.Printf("%s@%s\n", ref, digest)
	return nil
}
