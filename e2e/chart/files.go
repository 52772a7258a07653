// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The files that others are made from and into, by their paths in a checkout.
const (
	schemaFile = Dir + "/values.schema.json"
	valuesFile = Dir + "/values.yaml"
	crdFile    = "manifests/crd/wasm.tcm.io_autowasms.yaml"
	chartCRD   = Dir + "/files/crd.yaml"
	page       = "docs/helm.md"
)

// Generate writes every generated file of a checkout that is not as it should be, and returns their paths.
func Generate(ctx context.Context, checkout string, h Helm) ([]string, error) {
	return each(ctx, checkout, h, func(path, text string) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), 0o644)
	})
}

// Outdated returns the paths of the generated files of a checkout that are not as they should be.
func Outdated(ctx context.Context, checkout string, h Helm) ([]string, error) {
	return each(ctx, checkout, h, func(string, string) error { return nil })
}

// each calls write for every file that differs. What is in the chart comes first: the rest is rendered from it.
func each(ctx context.Context, checkout string, h Helm, write func(path, text string) error) (changed []string, err error) {
	parts := []func() (map[string]string, error){
		func() (map[string]string, error) { return inputs(checkout) },
		func() (map[string]string, error) { return manifests(ctx, checkout, h) },
	}
	for _, part := range parts {
		files, err := part()
		if err != nil {
			return changed, err
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			path := filepath.Join(checkout, filepath.FromSlash(name))
			if old, err := os.ReadFile(path); err == nil && string(old) == files[name] {
				continue
			}
			if err := write(path, files[name]); err != nil {
				return changed, fmt.Errorf("write %s: %w", name, err)
			}
			changed = append(changed, name)
		}
	}
	return changed, nil
}

// inputs are the files that are made without Helm.
func inputs(checkout string) (map[string]string, error) {
	read := map[string]string{schemaFile: "", crdFile: "", page: ""}
	for name := range read {
		text, err := os.ReadFile(filepath.Join(checkout, filepath.FromSlash(name)))
		if err != nil {
			return nil, fmt.Errorf("read what files are made from: %w", err)
		}
		read[name] = string(text)
	}
	values, err := ValuesYAML([]byte(read[schemaFile]))
	if err != nil {
		return nil, err
	}
	table, err := Table([]byte(read[schemaFile]))
	if err != nil {
		return nil, err
	}
	documented, err := withTable(read[page], table)
	return map[string]string{
		valuesFile: values, page: documented,
		chartCRD: strings.TrimPrefix(read[crdFile], "---\n"),
	}, err
}

// The lines between which the page has the table of the values.
const (
	tableBegin = "<!-- The values, from values.schema.json by make generate. -->\n\n"
	tableEnd   = "\n<!-- End of the values. -->\n"
)

func withTable(text, table string) (string, error) {
	before, rest, begins := strings.Cut(text, tableBegin)
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		return "", fmt.Errorf("%s has no place for the table of the values", page)
	}
	return before + tableBegin + table + tableEnd + after, nil
}

func manifests(ctx context.Context, checkout string, h Helm) (map[string]string, error) {
	rendered, err := h.Kustomization(ctx, filepath.Join(checkout, filepath.FromSlash(Dir)))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for name, text := range rendered {
		files["manifests/"+name] = text
	}
	return files, nil
}
