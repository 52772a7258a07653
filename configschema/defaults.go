// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"maps"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// fillSteps is what it costs to copy an object or a list, without its fields or items.
const fillSteps = 8

// validateAbsent finds what is required. A default of the configuration itself is for none at all.
func (s *Schema) validateAbsent(path *field.Path) (Result, error) {
	if s.nullable || !s.wantsObject() {
		return Result{}, nil
	}
	v := &validator{steps: maxSteps}
	result, err := v.result(s, map[string]any{}, path)
	if len(result.Errors) == 0 || s.defaultValue == nil {
		return result, err
	}
	if assumed, err := v.result(s, s.defaultValue, path); err != nil || len(assumed.Errors) == 0 {
		return Result{}, err
	}
	return result, nil
}

// assumes reports whether values may lack a field that the schema has a default for.
func (s *Schema) assumes() bool {
	for _, sub := range s.properties {
		if sub.defaultValue != nil || sub.assumed {
			return true
		}
	}
	for _, sub := range s.allOf {
		if sub.assumed {
			return true
		}
	}
	return s.items != nil && s.items.assumed || s.additional != nil && s.additional.assumed
}

// filled returns the value with the defaults of the fields that it lacks, also within defaults and by the schemas in allOf.
// Like an API server, it takes none from other alternatives. It changes neither the value nor the schema.
func (v *validator) filled(s *Schema, value any) any {
	if !s.assumed || !v.step(1) {
		return value
	}
	switch whole := value.(type) {
	case map[string]any:
		value = v.filledObject(s, whole)
	case []any:
		value = v.filledList(s, whole)
	}
	for _, sub := range s.allOf {
		value = v.filled(sub, value)
	}
	return value
}

func (v *validator) filledObject(s *Schema, object map[string]any) map[string]any {
	if !v.step(fillSteps + namesCost(object) + len(s.properties)) {
		return object
	}
	object = maps.Clone(object)
	for name, sub := range s.properties {
		if _, found := object[name]; !found && sub.defaultValue != nil {
			object[name] = sub.defaultValue
		}
	}
	for name, value := range object {
		if sub := s.property(name); sub != nil {
			object[name] = v.filled(sub, value)
		}
	}
	return object
}

// property is the schema of a field, nil for none.
func (s *Schema) property(name string) *Schema {
	if sub, listed := s.properties[name]; listed {
		return sub
	}
	return s.additional
}

func (v *validator) filledList(s *Schema, list []any) []any {
	if s.items == nil || !s.items.assumed || !v.step(fillSteps+len(list)) {
		return list
	}
	filled := make([]any, len(list))
	for i, item := range list {
		filled[i] = v.filled(s.items, item)
	}
	return filled
}
