// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// Objects decodes the documents of manifests, by kind, namespace and name.
func Objects(manifests string) (map[string]map[string]any, error) {
	objects := map[string]map[string]any{}
	for _, document := range strings.Split("\n"+manifests, "\n---\n") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			return nil, fmt.Errorf("decode a manifest: %w\n%s", err, document)
		}
		if len(object) == 0 {
			continue
		}
		key := keyOf(object)
		if objects[key] != nil {
			return nil, fmt.Errorf("the manifests have %s twice", key)
		}
		objects[key] = object
	}
	return objects, nil
}

func keyOf(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	return fmt.Sprintf("%v %v/%v", object["kind"], metadata["namespace"], metadata["name"])
}
