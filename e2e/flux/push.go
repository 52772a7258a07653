// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/fluxcd/pkg/oci"
	"github.com/google/go-containerregistry/pkg/crane"
)

// pushArtifact is Flux's command of that name, as far as tests call it, with the client that it has.
func pushArtifact(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: flux push artifact oci://… --path=… --source=… --revision=… [--insecure-registry]")
	}
	flags := flag.NewFlagSet("flux push artifact", flag.ContinueOnError)
	path := flags.String("path", "", "directory with the manifests")
	source := flags.String("source", "", "where they come from, such as a git URL")
	revision := flags.String("revision", "", "their revision there")
	insecure := flags.Bool("insecure-registry", false, "push over plain HTTP")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	url, err := oci.ParseArtifactURL(args[0])
	if err != nil {
		return err
	}
	options := oci.DefaultOptions()
	if *insecure {
		options = append(options, crane.Insecure)
	}
	digest, err := oci.NewClient(options).Push(ctx, url, *path, oci.WithPushMetadata(oci.Metadata{Source: *source, Revision: *revision}))
	if err != nil {
		return fmt.Errorf("push %s to %s: %w", *path, url, err)
	}
	fmt.Println("artifact successfully pushed to", digest)
	return nil
}
