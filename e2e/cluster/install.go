//go:build linux

// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// OverlayDir is the kustomization that installs this checkout's wasmer.
func (c *Cluster) OverlayDir() string { return c.data("autowasm") }

// ValuesFile has the values with which this checkout's chart installs it.
func (c *Cluster) ValuesFile() string { return c.data("values.yaml") }

// writeInstall writes the values and the kustomization. Neither is applied: that is for the user, or the test.
func (c *Cluster) writeInstall(context.Context) error {
	released, err := releasedImage(filepath.Join(c.options.Checkout, "manifests", "kustomization.yaml"))
	if err != nil {
		return err
	}
	resources, err := filepath.Rel(c.OverlayDir(), filepath.Join(c.options.Checkout, "manifests"))
	if err != nil {
		return fmt.Errorf("find manifests/: %w", err)
	}
	image, digest, _ := strings.Cut(c.images.wasmer, "@")
	values := map[string]any{
		"Manifests": resources, "Released": released, "Image": image, "Digest": digest, "Registry": c.Registry(),
	}
	if err := os.MkdirAll(c.OverlayDir(), 0o755); err != nil {
		return fmt.Errorf("write the kustomization: %w", err)
	}
	for name, path := range map[string]string{
		"overlay.yaml": filepath.Join(c.OverlayDir(), "kustomization.yaml"), "values.yaml": c.ValuesFile(),
	} {
		text, err := manifest(name, values)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write how to install wasmer: %w", err)
		}
	}
	return nil
}

// releasedImage is the name that manifests/ gives to wasmer's image, which the overlay replaces.
func releasedImage(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("find the name of wasmer's image: %w", err)
	}
	var k struct {
		Images []struct{ Name, NewName string }
	}
	if err := yaml.Unmarshal(text, &k); err != nil {
		return "", fmt.Errorf("find the name of wasmer's image in %s: %w", path, err)
	}
	for _, i := range k.Images {
		if strings.HasSuffix("/"+i.Name, "/wasmer") {
			return i.NewName, nil
		}
	}
	return "wasmer", nil
}
