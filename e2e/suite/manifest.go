// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"strings"
)

// Manifest is an AutoWasm as a user writes it. Only Name and Source are needed.
type Manifest struct {
	Name string
	// Source is the YAML of spec.filter.source in flow style, such as
	// {registry: {image: …}}.
	Source string
	// Secret is spec.secret.
	Secret string
	// Filter is more YAML of spec.filter in flow style, such as "rootID: x".
	Filter string
	// Generate makes Name a metadata.generateName.
	Generate bool
}

// String is the manifest's YAML.
func (m Manifest) String() string {
	name := "name: " + m.Name
	if m.Generate {
		name = "generateName: " + m.Name
	}
	filter := "source: " + m.Source
	if m.Filter != "" {
		filter += ", " + m.Filter
	}
	lines := []string{
		"apiVersion: wasm.tcm.io/v1alpha1",
		"kind: AutoWasm",
		"metadata: {" + name + "}",
		"spec:",
		"  selector: {matchLabels: {app: details}}",
		"  filter: {" + filter + "}",
	}
	if m.Secret != "" {
		lines = append(lines, "  secret: "+m.Secret)
	}
	return strings.Join(lines, "\n") + "\n"
}

// Image is the source of an image.
func Image(reference string) string { return fmt.Sprintf("{registry: {image: %q}}", reference) }

// Object is the source of a file behind a URL; sha256 may be empty.
func Object(url, sha256 string) string {
	if sha256 == "" {
		return fmt.Sprintf("{object: {url: %q}}", url)
	}
	return fmt.Sprintf("{object: {url: %q, sha256: %q}}", url, sha256)
}

// ConfigMap is the source of a key of a ConfigMap.
func ConfigMap(name, key string) string {
	return fmt.Sprintf("{configMap: {name: %q, key: %q}}", name, key)
}
