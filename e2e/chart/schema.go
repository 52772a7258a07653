// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A property is one of values.schema.json, with those of the object that it is, in the order of the file.
type property struct {
	name        string
	path        string // names from the top, joined by dots
	description string
	value       *yaml.Node // its default; nil where it has none
	properties  []property
}

// parseSchema reads the properties of values.schema.json.
func parseSchema(schema []byte) ([]property, error) {
	var document yaml.Node // JSON is YAML, whose decoder keeps the order
	if err := yaml.Unmarshal(schema, &document); err != nil {
		return nil, fmt.Errorf("decode the schema of the values: %w", err)
	}
	if len(document.Content) == 0 {
		return nil, fmt.Errorf("the schema of the values is empty")
	}
	return propertiesOf(document.Content[0], ""), nil
}

func propertiesOf(object *yaml.Node, prefix string) (all []property) {
	for name, node := range fieldsOf(fieldOf(object, "properties")) {
		p := property{name: name, path: prefix + name, value: fieldOf(node, "default")}
		if description := fieldOf(node, "description"); description != nil {
			p.description = description.Value
		}
		p.properties = propertiesOf(node, p.path+".")
		all = append(all, p)
	}
	return all
}

// fieldsOf iterates over the fields of a mapping; of nil there are none.
func fieldsOf(mapping *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		for i := 0; mapping != nil && i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i].Value, mapping.Content[i+1]) {
				return
			}
		}
	}
}

func fieldOf(mapping *yaml.Node, name string) *yaml.Node {
	for field, node := range fieldsOf(mapping) {
		if field == name {
			return node
		}
	}
	return nil
}

// inline is a value as one line of YAML.
func inline(value *yaml.Node) (string, error) {
	flow := *value
	flow.Style = yaml.FlowStyle
	unquote(&flow)
	text, err := yaml.Marshal(&flow)
	if err != nil {
		return "", fmt.Errorf("encode a default: %w", err)
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}

// unquote leaves quotes out where YAML does not need them.
func unquote(value *yaml.Node) {
	if value.Kind == yaml.ScalarNode {
		value.Style = 0
	}
	for _, child := range value.Content {
		unquote(child)
	}
}
