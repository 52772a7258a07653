// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/autowasm/autowasm/configschema"
	"github.com/autowasm/autowasm/fetch/image"
	"github.com/autowasm/autowasm/fetch/module"
)

// Where a schema is.
const (
	inModule   = "module"
	inSpecYAML = "spec.yaml" // of a plugin of Higress, which wasmer does not read
)

// foundSchema is a schema of a configuration that a module carries, or that is beside it.
type foundSchema struct {
	// In is module or spec.yaml.
	In string `json:"in"`
	// Size in bytes, as a module carries it.
	Size int64 `json:"size,omitempty"`
	// Problem is why it cannot be used.
	Problem string `json:"problem,omitempty"`
	// OpenAPIV3Schema is the schema, absent if it cannot be used.
	OpenAPIV3Schema json.RawMessage `json:"openAPIV3Schema,omitempty"`

	schema *configschema.Schema
	err    error // the Problem
}

// schemaAt returns the schema that a module carries there, nil for none.
func schemaAt(at module.Schema, r io.ReaderAt) *foundSchema {
	raw, err := at.Read(r)
	if raw == nil && err == nil {
		return nil
	}
	f := &foundSchema{In: inModule, Size: at.Size}
	if err == nil {
		f.schema, err = configschema.Parse(raw)
	}
	return f.holding(raw, err)
}

// schemaBeside returns the schema in the spec.yaml of an image, nil for none.
func schemaBeside(ctx context.Context, img v1.Image) *foundSchema {
	f := &foundSchema{In: inSpecYAML}
	spec, err := image.Spec(ctx, img)
	if spec == nil && err == nil {
		return nil
	}
	var raw []byte
	if err == nil {
		raw, f.schema, err = configschema.FromFile(spec)
	}
	if errors.Is(err, configschema.ErrNoSchema) {
		return nil
	}
	f.Size = int64(len(raw))
	return f.holding(raw, err)
}

// holding adds what there is in the schema's place.
func (f *foundSchema) holding(raw []byte, err error) *foundSchema {
	if err != nil {
		f.err, f.Problem = err, oneLine(err.Error())
		return f
	}
	f.OpenAPIV3Schema = raw
	return f
}

// usable says why it cannot be used, nil if it can.
func (f *foundSchema) usable() error { return wrap(f.err, "the schema in the %s cannot be used", f.In) }

// line says in a line what was found.
func (f *foundSchema) line() string {
	switch {
	case f == nil:
		return ""
	case f.err != nil && f.In == inModule:
		return "cannot be used: " + f.Problem
	case f.err != nil:
		return "in spec.yaml, cannot be used: " + f.Problem
	case f.In == inSpecYAML:
		return "in spec.yaml, which wasmer does not read: wasmc push --schema adds it to the module"
	}
	return fmt.Sprintf("%d bytes: wasmc explain shows it", f.Size)
}

// withSchemaFile returns a module with the schema in a file, itself without one.
func withSchemaFile(wasm []byte, path string) ([]byte, error) {
	if path == "" {
		return wasm, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	raw, _, err := configschema.FromFile(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return module.WithSchema(wasm, raw)
}
