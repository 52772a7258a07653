// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/spf13/cobra"

	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
)

const (
	formatImage  = "image"
	formatBinary = "binary"
)

type pushOptions struct {
	registryOptions
	file      string
	schema    string
	format    string
	skipCheck bool
	output    string
}

func newPushCommand(s streams) *cobra.Command {
	o := &pushOptions{}
	command := &cobra.Command{
		Use:   "push IMAGE -f FILE|-",
		Short: "Push a module to a registry",
		Long: `Push a Wasm module to an OCI registry.

The format "image" is a container image with plugin.wasm in it: every registry
takes it, and AutoWasm, Istio, Envoy Gateway, docker and containerd read it. The
format "binary" is the module as it is, beside a small configuration: AutoWasm,
Istio, Envoy Gateway and oras read it.

The module is checked first: what no Envoy can load is not pushed. Pushing the same
file again gives the same digest.

--schema adds a schema of the filter's configuration to the module, by which wasmer
validates spec.filter.config: an OpenAPI v3 schema, JSON or YAML, or the spec.yaml of a
plugin of Higress. The module's sha256 is then another than the file's.`,
		Example: `  # Push a module as an image
  wasmc push registry.example/team/add-header:v1 -f add-header.wasm

  # Push it with a schema of its configuration
  wasmc push registry.example/team/add-header:v1 -f add-header.wasm --schema schema.yaml

  # Push what another program prints
  cat add-header.wasm | wasmc push registry.example/team/add-header:v1 -f -

  # Push the module as it is, and get the digest for an AutoWasm
  wasmc push registry.example/team/add-header:v1 -f add-header.wasm --format binary -o json`,
		Args: exactly("IMAGE"),
		RunE: func(command *cobra.Command, args []string) error {
			return wrap(o.run(command.Context(), s, args[0]), "push %s", args[0])
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "`FILE` that holds the module, or - for standard input")
	(&choice{value: &o.format, allowed: []string{formatImage, formatBinary}}).bind(command, "format", "", "what to make of the module")
	flags.StringVar(&o.schema, "schema", "", "`FILE` with a schema of the configuration, which the module is to carry")
	flags.BoolVar(&o.skipCheck, "skip-check", false, "push the file whatever it holds")
	bindOutput(command, &o.output)
	o.bind(flags)
	return command
}

func (o *pushOptions) check() error {
	switch {
	case o.file == "":
		return usagef("push wants the module: -f FILE, or -f - for standard input")
	case o.file == "-" && o.passwordStdin:
		return usagef("-f - and --password-stdin cannot both read standard input")
	}
	return o.registryOptions.check()
}

func (o *pushOptions) run(ctx context.Context, s streams, target string) error {
	if err := o.check(); err != nil {
		return err
	}
	tag, err := parseTag(target)
	if err != nil {
		return err
	}
	content, err := o.read(s.In)
	if err != nil {
		return err
	}
	abi, err := o.inspect(content)
	if err != nil {
		return err
	}
	if content, err = o.addSchema(content); err != nil {
		return err
	}
	img, err := o.pack(content, abi)
	if err != nil {
		return err
	}
	if err := o.push(ctx, s, tag, img); err != nil {
		return err
	}
	return o.print(s, target, tag, img, content, abi)
}

func parseTag(target string) (name.Tag, error) {
	ref, err := parseReference(target)
	if err != nil {
		return name.Tag{}, err
	}
	tag, ok := ref.(name.Tag)
	if !ok {
		return name.Tag{}, usagef("a digest cannot be pushed to, name a tag: %s:v1", ref.Context())
	}
	return tag, nil
}

func (o *pushOptions) read(stdin io.Reader) ([]byte, error) {
	limit := int64(module.MaxSize)
	if o.skipCheck {
		limit = maxModule
	}
	in, err := openInput(o.file, stdin)
	if err != nil {
		return nil, fmt.Errorf("read the module: %w", err)
	}
	defer in.Close()
	content, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = module.TooLarge(limit)
	}
	return content, wrap(err, "read the module")
}

func (o *pushOptions) inspect(content []byte) (abi string, err error) {
	info, err := module.Inspect(bytes.NewReader(content), int64(len(content)))
	if o.skipCheck {
		return info.ABI, nil
	}
	if o.file == "-" {
		return info.ABI, wrap(err, "standard input")
	}
	return info.ABI, wrap(err, "%s", o.file)
}

func (o *pushOptions) addSchema(content []byte) ([]byte, error) {
	carrying, err := withSchemaFile(content, o.schema)
	if err == nil && !o.skipCheck && len(carrying) > module.MaxSize {
		err = module.TooLarge(module.MaxSize)
	}
	return carrying, err
}

func (o *pushOptions) pack(content []byte, abi string) (v1.Image, error) {
	if o.format == formatBinary {
		return image.Binary(content, abi)
	}
	return image.Image(content, abi)
}

func (o *pushOptions) push(ctx context.Context, s streams, tag name.Tag, img v1.Image) error {
	options, err := o.remote(tag.Registry, s.In)
	if err != nil {
		return err
	}
	err = newProgress(s.Err, "Pushing").follow(func(updates chan<- v1.Update) error {
		return remote.Write(tag, img, append(options, remote.WithContext(ctx), remote.WithProgress(updates))...)
	})
	return withoutOtherScheme(err)
}

func (o *pushOptions) print(s streams, target string, tag name.Tag, img v1.Image, content []byte, abi string) error {
	pushed, err := partial.Descriptor(img)
	if err != nil {
		return err
	}
	if o.output == outputText {
		_, err := fmt.Fprintf(s.Out, "Pushed %s\nDigest: %s\n", target, pushed.Digest)
		return err
	}
	sum := sha256.Sum256(content)
	return printAs(s.Out, o.output, moduleReport{
		Reference: tag.Context().Digest(pushed.Digest.String()).String(),
		MediaType: string(pushed.MediaType),
		Digest:    pushed.Digest.String(),
		Size:      int64(len(content)),
		SHA256:    hex.EncodeToString(sum[:]),
		Format:    o.format,
		ABI:       abi,
	})
}
