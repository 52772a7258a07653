// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"
)

// MaxFileBytes is the size of the largest file that FromFile reads.
const MaxFileBytes = 256 << 10

// file is what may be around a schema: the spec.yaml of a plugin of Higress, or a schema as a CustomResourceDefinition
// has it.
type file struct {
	APIVersion string `json:"apiVersion"`
	Spec       *struct {
		ConfigSchema      *wrapped `json:"configSchema"`
		RouteConfigSchema *wrapped `json:"routeConfigSchema"`
	} `json:"spec"`
	wrapped
}

type wrapped struct {
	OpenAPIV3Schema json.RawMessage `json:"openAPIV3Schema"`
}

// ErrNoSchema is the error of a spec.yaml that has no schema for the whole plugin.
var ErrNoSchema = errors.New("spec.yaml has no spec.configSchema.openAPIV3Schema")

// FromFile reads the schema in a file, JSON or YAML: the schema itself, one under openAPIV3Schema, or the configSchema
// of a spec.yaml of Higress. It returns the schema as modules carry it, and as Parse reads it.
func FromFile(content []byte) ([]byte, *Schema, error) {
	if len(content) > MaxFileBytes {
		return nil, nil, fmt.Errorf("the file has more than %d bytes", MaxFileBytes)
	}
	raw, err := yaml.YAMLToJSON(content)
	if err != nil {
		return nil, nil, fmt.Errorf("not a schema in YAML or JSON: %w", err)
	}
	if raw, err = unwrap(raw); err != nil {
		return nil, nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, nil, fmt.Errorf("not a schema in YAML or JSON: %w", err)
	}
	s, err := Parse(compact.Bytes())
	if err != nil {
		return nil, nil, err
	}
	return compact.Bytes(), s, nil
}

// unwrap returns the schema in a file.
func unwrap(raw []byte) ([]byte, error) {
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return raw, nil // nothing is around it; Parse says whether it is one
	}
	switch {
	case f.OpenAPIV3Schema != nil:
		return f.OpenAPIV3Schema, nil
	case f.Spec == nil && f.APIVersion == "":
		return raw, nil
	case f.Spec == nil:
		return nil, ErrNoSchema
	case f.Spec.ConfigSchema != nil && f.Spec.ConfigSchema.OpenAPIV3Schema != nil:
		return f.Spec.ConfigSchema.OpenAPIV3Schema, nil
	case f.Spec.RouteConfigSchema != nil:
		return nil, fmt.Errorf("%w, only one for routes, spec.routeConfigSchema: an AutoWasm configures the whole plugin", ErrNoSchema)
	}
	return nil, ErrNoSchema
}
